import { accessSync, constants, existsSync } from "node:fs";
import { resolve } from "node:path";
import { HoldfastError } from "../errors.ts";
import type { Preserved, SweepPart } from "../ports/hygiene.ts";
import { createOwnerJudge } from "./dead-owners.ts";
import { homeLock, isInUse, readOwner, withHome } from "./home.ts";
import {
  entriesOf,
  findDeadOwners,
  findOldLogs,
  type Findings,
  type Leftover,
  temporaryOwner,
} from "./home-leftovers.ts";

export interface HomeSweepOptions {
  readonly home: string;
  readonly now: () => Date;
  /** Looks, and changes nothing. */
  readonly dryRun: boolean;
}

/** Throws HOME_MISSING, and HOME_UNWRITABLE for a home in which nothing can be changed. */
export function refuseUnusableHome(home: string): void {
  const path = resolve(home);
  if (!existsSync(path))
    throw new HoldfastError({
      code: "HOME_MISSING",
      message: `There is no home at ${path}; nothing was swept.`,
      next: "Go to the folder where `holdfast start` runs, or name the home in HOLDFAST_HOME.",
    });
  try {
    accessSync(path, constants.W_OK);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/**
 * Removes what dead owners have left in a home, and old logs. While a process has the home, its own files stay.
 * No start begins during the rest, so that each file is judged and removed in peace. Throws HOME_MISSING,
 * HOME_UNWRITABLE, DISK_FULL.
 */
export async function sweepHome({ home, now, dryRun }: HomeSweepOptions): Promise<SweepPart> {
  const path = resolve(home);
  if (!dryRun || !existsSync(path)) refuseUnusableHome(path);
  const look = { home: path, nowMs: now().getTime() };
  try {
    // They need no lock, and may make room for one on a full disk.
    const logs = taken(findOldLogs(look), dryRun);
    const dead = await sweepDeadOwners(look, now, dryRun);
    return {
      swept: [...dead.swept, ...logs.swept],
      preserved: [...dead.preserved, ...logs.preserved, ...standing(path)],
    };
  } catch (cause) {
    throw isUnwritable(cause) ? unwritable(path, cause) : cause;
  }
}

async function sweepDeadOwners(
  look: { readonly home: string; readonly nowMs: number },
  now: () => Date,
  dryRun: boolean,
): Promise<SweepPart> {
  const lock = homeLock(look.home);
  const before = await findDeadOwners(look);
  if (dryRun) return taken(before, true);
  const isHeld = before.preserved.find(({ name }) => name === "run/holdfast.lock");
  // Its owner may still need what stands beside the lock.
  if (isHeld !== undefined) return keptWith(before, isHeld);
  const staleLock = before.leftovers.filter(({ name }) => name === "run/holdfast.lock");
  try {
    return await withHome(look.home, now, async (wasStale) => {
      const found = await findDeadOwners(look);
      const isOwn = ({ name }: Preserved) => name === "run/holdfast.lock";
      const { swept } = taken(found, false);
      return {
        // To take the home was to take the stale lock away.
        swept: wasStale
          ? [...taken({ leftovers: staleLock, preserved: [] }, true).swept, ...swept]
          : swept,
        preserved: found.preserved.filter((one) => !isOwn(one)),
      };
    });
  } catch (error) {
    if (isInUse(error)) {
      const pid = readOwner(lock)?.pid;
      return keptWith(before, {
        name: "run/holdfast.lock",
        why: `a start has begun${pid === undefined ? "" : ` (pid ${pid})`}`,
      });
    }
    throw (error as NodeJS.ErrnoException).code === "ENOSPC" ? diskFull(look.home, error) : error;
  }
}

/** Nothing is taken of the files of owners: the home is another process's, or may be. */
const keptWith = ({ leftovers, preserved }: Findings, lock: Preserved): SweepPart => ({
  swept: [],
  preserved: [
    lock,
    ...preserved.filter(({ name }) => name !== lock.name),
    ...leftovers
      .filter(({ name }) => name !== lock.name)
      .map(({ name }) => ({ name, why: `the home is kept: ${lock.why}` })),
  ],
});

function taken({ leftovers, preserved }: Findings, dryRun: boolean): SweepPart {
  const gone = leftovers.filter((one: Leftover) => dryRun || one.remove());
  return {
    swept: gone.map(({ kind, name, count, bytes }) => ({ kind, name, count, bytes })),
    preserved,
  };
}

const whys: Readonly<Record<string, string>> = {
  "master.key": "encrypts every session",
  "fleet.json": "which fleet the home belongs to",
  "console-token": "the console's token",
  "sealing-keys.json": "the fleet's public keys",
  "telegram-dc.json": "data of the simulated Telegram",
  postgres: "the database: sessions, conversations, the audit and the ledger",
  nats: "streams, registers and credentials",
  journal: "connections; the next start ships what the ledger does not have yet",
  bin: "programs that were obtained",
};
const keyFile = /^master\.key\./;
/** Judged by themselves. */
const judged: ReadonlySet<string> = new Set(["run", "logs", "run.json"]);

/** What stands in the home for good. */
const standing = (home: string): readonly Preserved[] =>
  entriesOf(home)
    .filter(({ name }) => !judged.has(name) && temporaryOwner(name) === null)
    .map((entry) => ({
      name: entry.isDirectory() ? `${entry.name}/` : entry.name,
      why: whyOf(entry.name),
    }));

const whyOf = (name: string): string =>
  whys[name] ?? (keyFile.test(name) ? "may hold a master key" : "not known to Holdfast");

const isUnwritable = (error: unknown): boolean =>
  ["EROFS", "EACCES", "EPERM"].includes(String((error as NodeJS.ErrnoException).code));

const diskFull = (path: string, cause: unknown) =>
  new HoldfastError({
    code: "DISK_FULL",
    message: `The disk of ${path} is full, so that no lock could be written there; old logs were removed, and nothing else.`,
    next: "Free some space, then: npx holdfast sweep",
    cause,
  });

const unwritable = (path: string, cause: unknown) =>
  new HoldfastError({
    code: "HOME_UNWRITABLE",
    message: `The home ${path} cannot be changed (${String((cause as NodeJS.ErrnoException).code)}).`,
    next: "Make it writable for this user and try again; to stop the service alone: npx holdfast stop",
    cause,
  });

/** Whether the home has an owner that runs, or may run. */
export function ownerOfHome(home: string): ReturnType<typeof readOwner> {
  const path = resolve(home);
  const owner = readOwner(homeLock(path));
  return owner !== null && createOwnerJudge(path).ofProcess(owner) === "alive" ? owner : null;
}
