import { type Dirent, lstatSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Preserved, Swept, SweptKind } from "../ports/hygiene.ts";
import { sweepAges } from "../ports/hygiene.ts";
import { createOwnerJudge, ownerOfSocket, type OwnerVerdict } from "./dead-owners.ts";
import { asideOf } from "./log-files.ts";

/** Something in a home that is certain to be of no use. */
export interface Leftover extends Swept {
  /** `false`: it was gone already. */
  remove(): boolean;
}

export interface Findings {
  readonly leftovers: readonly Leftover[];
  readonly preserved: readonly Preserved[];
}

/** What a look into a home needs. */
interface Look {
  readonly home: string;
  readonly nowMs: number;
}

/** Its entries; none where there is no such folder. */
export function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function factsOf(path: string): { readonly bytes: number; readonly changedMs: number } | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : { bytes: found.size, changedMs: found.mtimeMs };
}

function removeFile(path: string): boolean {
  if (factsOf(path) === null) return false;
  rmSync(path, { force: true });
  return true;
}

const minutes = sweepAges.ownerMs / 60_000;
const days = sweepAges.logMs / (24 * 3600_000);

/** Logs that were put aside: nothing writes to them any more, and none ever gets the name of another. */
export function findOldLogs({ home, nowMs }: Look): Findings {
  const leftovers: Leftover[] = [];
  const preserved: Preserved[] = [];
  for (const { name } of entriesOf(join(home, "logs"))) {
    const path = join(home, "logs", name);
    const facts = factsOf(path);
    if (facts === null) continue;
    const isAside = asideOf(name) !== null;
    if (isAside && nowMs - facts.changedMs > sweepAges.logMs) {
      leftovers.push({
        kind: "logs",
        name: `logs/${name}`,
        count: 1,
        bytes: facts.bytes,
        remove: () => removeFile(path),
      });
    } else {
      const why = isAside ? `younger than ${days} days` : "written at the next start too";
      preserved.push({ name: `logs/${name}`, why });
    }
  }
  return { leftovers, preserved };
}

/** Locks, process files, sockets and temporary files whose owners are dead. Call it while no start can begin. */
export async function findDeadOwners({ home, nowMs }: Look): Promise<Findings> {
  const judge = createOwnerJudge(home);
  const leftovers: Leftover[] = [];
  const preserved: Preserved[] = [];

  async function add(one: {
    readonly kind: SweptKind;
    readonly name: string;
    readonly verdict: OwnerVerdict;
    readonly owner: string;
    readonly others?: readonly string[];
  }): Promise<void> {
    const { kind, name, verdict, owner, others = [] } = one;
    const path = join(home, name);
    const facts = factsOf(path);
    if (facts === null) return;
    if (verdict === "alive") preserved.push({ name, why: `${owner} runs` });
    else if (verdict === "unknown")
      preserved.push({ name, why: `nothing proves that ${owner} is dead` });
    else if (nowMs - facts.changedMs <= sweepAges.ownerMs)
      preserved.push({ name, why: `younger than ${minutes} minutes` });
    else
      leftovers.push({
        kind,
        name,
        count: 1,
        bytes: facts.bytes + others.reduce((sum, folder) => sum + bytesIn(folder), 0),
        remove() {
          for (const folder of others) rmSync(folder, { recursive: true, force: true });
          return removeFile(path);
        },
      });
  }

  for (const { name: file } of entriesOf(join(home, "run"))) {
    const name = `run/${file}`;
    const path = join(home, name);
    const temporary = temporaryOwner(file);
    if (file === "holdfast.lock" || file === "gate.lock") {
      const verdict = await verdictOfLock(judge.ofFile(path), home, path);
      await add({ kind: "locks", name, verdict, owner: "its owner" });
    } else if (file.endsWith(".process.json")) {
      const owner = file.slice(0, -".process.json".length);
      const others = foldersOf(path);
      await add({ kind: "processes", name, verdict: judge.ofFile(path), owner, others });
    } else if (file.endsWith(".sock")) {
      await add({
        kind: "sockets",
        name,
        verdict: await ownerOfSocket(path),
        owner: "its listener",
      });
    } else if (temporary !== null) {
      const verdict = temporary === "nobody" ? "dead" : judge.ofNumber(temporary);
      await add({ kind: "temporary", name, verdict, owner: "its writer" });
    } else preserved.push({ name, why: "not known to Holdfast" });
  }
  await add({
    kind: "processes",
    name: "run.json",
    verdict: verdictOfRun(join(home, "run.json"), judge.ofNumber),
    owner: "its launcher",
  });
  for (const { name } of entriesOf(join(home, "postgres")).filter((entry) => entry.isSocket())) {
    const verdict = await ownerOfSocket(join(home, "postgres", name));
    await add({ kind: "sockets", name: `postgres/${name}`, verdict, owner: "its listener" });
  }
  for (const folder of ["", "bin/"]) {
    for (const { name: file } of entriesOf(join(home, folder)).filter((entry) => entry.isFile())) {
      const temporary = temporaryOwner(file);
      if (temporary === null) continue;
      const verdict = temporary === "nobody" ? "dead" : judge.ofNumber(temporary);
      await add({ kind: "temporary", name: `${folder}${file}`, verdict, owner: "its writer" });
    }
  }
  return { leftovers, preserved };
}

/** Files that come into being beside the one that they replace. A key's unfinished file may hold a key: it stays. */
const unfinished: readonly string[] = ["fleet.json.new", "telegram-dc.json.new"];

/** The writer's process number; `nobody`: the name tells none; null: it is no temporary file of Holdfast's. */
export function temporaryOwner(file: string): number | "nobody" | null {
  if (unfinished.includes(file)) return "nobody";
  const pid = /^.+\.(\d{1,10})(?:\.stale)?\.tmp$|^console-token\.(\d{1,10})$/.exec(file);
  return pid === null ? null : Number(pid[1] ?? pid[2]);
}

/** A gate in another container has a number that means nothing here, and its socket answers all the same. */
async function verdictOfLock(
  verdict: OwnerVerdict,
  home: string,
  path: string,
): Promise<OwnerVerdict> {
  if (verdict !== "dead" || basename(path) !== "gate.lock") return verdict;
  const sockets = entriesOf(join(home, "run")).filter((entry) => entry.isSocket());
  const owners = await Promise.all(
    sockets.map(({ name }) => ownerOfSocket(join(home, "run", name))),
  );
  return owners.every((owner) => owner === "dead") ? "dead" : "unknown";
}

function verdictOfRun(path: string, ofNumber: (pid: number) => OwnerVerdict): OwnerVerdict {
  try {
    const { pids } = Object(JSON.parse(readFileSync(path, "utf8"))) as { readonly pids?: unknown };
    const { launcher } = Object(pids) as { readonly launcher?: unknown };
    return Number.isSafeInteger(launcher) && Number(launcher) > 0
      ? ofNumber(Number(launcher))
      : "unknown";
  } catch {
    return "unknown";
  }
}

/** The temporary folders that a process's file names, and none but Holdfast's own. */
function foldersOf(path: string): readonly string[] {
  try {
    const { dirs } = Object(JSON.parse(readFileSync(path, "utf8"))) as { readonly dirs?: unknown };
    if (!Array.isArray(dirs)) return [];
    return dirs.filter(
      (folder): folder is string =>
        typeof folder === "string" &&
        dirname(folder) === tmpdir() &&
        /^holdfast-(?:socket|postgres)-\w+$/.test(basename(folder)),
    );
  } catch {
    return [];
  }
}

function bytesIn(folder: string): number {
  return entriesOf(folder).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytesIn(path) : (factsOf(path)?.bytes ?? 0));
  }, 0);
}
