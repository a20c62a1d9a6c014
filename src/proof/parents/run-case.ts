import { type ChildProcess, spawn } from "node:child_process";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import type { ProcessIdentity } from "../../adapters/machine/process-identity.ts";
import { readRunInfo } from "../../embedded/run-info.ts";
import type { Parent } from "./parents.ts";
import { pidOutside, processesFor, signalAll, stillRunning, treeOf } from "./process-tree.ts";

/** What befalls a running service: the stop of its parent, or `kill -9` of one process. */
export type Blow =
  | { readonly kind: "stop"; readonly signal: "SIGTERM" | "SIGINT" | "SIGHUP" }
  /** `parent`, or a name in run.json. */
  | { readonly kind: "kill"; readonly whom: string };

export interface CaseResult {
  readonly wrong: readonly string[];
  /** From the start to the line `holdfast ready`, in milliseconds. */
  readonly readyMs: number;
  /** From the death of a gate or a node until another serves; null: nothing of the kind was struck. */
  readonly servesMs: number | null;
  /** From the stop, or from a blow that ends the service, until nothing was left. */
  readonly endedMs: number;
}

export interface CaseLimits {
  readonly readyMsMax: number;
  readonly servesMsMax: number;
  readonly endedMsMax: number;
}

const lookMs = 50;
const clock = createSystemClock();
const rest = () => new Promise<void>((resolve) => void clock.schedule(lookMs, resolve));

async function until(
  isSo: () => boolean | Promise<boolean>,
  msMax: number,
): Promise<number | null> {
  const from = performance.now();
  while (!(await isSo())) {
    if (performance.now() - from > msMax) return null;
    await rest();
  }
  return performance.now() - from;
}

/** Starts the service under that parent, strikes, and looks for what is left. A later case in the home starts again. */
export async function runCase(
  parent: Parent,
  blow: Blow,
  home: string,
  limits: CaseLimits,
): Promise<CaseResult> {
  const [command, ...args] = parent.command;
  const child = spawn(command, args, {
    env: { ...process.env, HOLDFAST_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const said = wordsOf(child);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const isReady = () => said.some((text) => /^holdfast ready/m.test(text));
  const readyMs = await until(() => isReady() || hasEnded(), limits.readyMsMax);
  const tree = treeOf(child.pid ?? 0);
  if (readyMs === null || !isReady()) {
    signalAll(tree, "SIGKILL");
    const wrong = [`not ready: ${said.join("").slice(-400)}`];
    return { wrong, readyMs: 0, servesMs: null, endedMs: 0 };
  }
  let from = performance.now();
  const wrong = await strike(parent, blow, { child, tree, home });
  const servesMs = isReplaced(blow)
    ? await until(() => serves(home, tree), limits.servesMsMax)
    : null;
  if (isReplaced(blow) && servesMs === null) wrong.push("nothing serves again");
  const all = () => [...tree, ...treeOf(child.pid ?? 0), ...processesFor(home)];
  if (blow.kind === "kill" && !hasEnded()) {
    // A gate or a node was replaced, and a sentinel is missed by nobody: the service goes on until it is told to stop.
    if (!isReplaced(blow)) await until(hasEnded, survivesMs);
    if (!hasEnded()) {
      from = performance.now();
      stop(parent, "SIGTERM", { child, tree: all() });
    }
  }
  const { killsAfterMs } = parent;
  const killing =
    killsAfterMs === null
      ? () => {}
      : clock.schedule(killsAfterMs, () => signalAll(all(), "SIGKILL"));
  const ended = await until(() => stillRunning(all()).length === 0, limits.endedMsMax);
  killing();
  if (ended === null) {
    const left = stillRunning(all());
    wrong.push(`left behind: ${left.map(({ pid }) => pid).join(", ")}`);
    signalAll(left, "SIGKILL");
  }
  return { wrong, readyMs, servesMs, endedMs: performance.now() - from };
}

/** These are started anew by the process above them. */
const isReplaced = (blow: Blow): boolean =>
  blow.kind === "kill" && (blow.whom === "gate" || blow.whom === "node");

/** Every process of run.json runs, one of them is new, and the node says that it is ready. */
async function serves(home: string, before: readonly ProcessIdentity[]): Promise<boolean> {
  const run = await readRunInfo(home).catch(() => null);
  const tree = processesFor(home);
  const node = pidOutside(tree, run?.pids["node"] ?? 0);
  if (run === null || node === undefined || before.some(({ pid }) => pid === node)) return false;
  return fetch(`${run.console}readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** So long a service that lost one process is watched before it is stopped. */
const survivesMs = 5_000;

interface Struck {
  readonly child: ChildProcess;
  readonly tree: readonly ProcessIdentity[];
}

function stop(
  parent: Parent,
  signal: "SIGTERM" | "SIGINT" | "SIGHUP",
  { child, tree }: Struck,
): void {
  const main = child.pid ?? 0;
  if (parent.stops === "group") process.kill(-main, signal);
  else if (parent.stops === "all") signalAll(tree, signal);
  // `unshare` itself takes no signal: its child is the first process of the namespace.
  else if (parent.name === "init") signalAll(treeOf(main).slice(1, 2), signal);
  else process.kill(main, signal);
}

async function strike(
  parent: Parent,
  blow: Blow,
  struck: Struck & { readonly home: string },
): Promise<string[]> {
  if (blow.kind === "stop") {
    stop(parent, blow.signal, struck);
    return [];
  }
  const pids = (await readRunInfo(struck.home))?.pids ?? {};
  const inside = pids[blow.whom] ?? 0;
  const pid = blow.whom === "parent" ? struck.child.pid : pidOutside(struck.tree, inside);
  if (pid === undefined) return [`run.json names no ${blow.whom}`];
  process.kill(pid, "SIGKILL");
  return [];
}

/** What both outputs said. */
function wordsOf({ stdout, stderr }: ChildProcess): readonly string[] {
  const words: string[] = [];
  for (const stream of [stdout, stderr]) stream?.on("data", (chunk) => words.push(String(chunk)));
  return words;
}
