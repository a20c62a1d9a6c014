import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { HoldfastError } from "../errors.ts";
import {
  isProcessIdentity,
  isRunning,
  ownIdentity,
  type ProcessIdentity,
} from "../adapters/machine/process-identity.ts";
import { type Log, reap, runDirectory } from "./process-records.ts";

/** A home that belongs to this process alone. */
export interface OpenHome {
  /** Absolute. */
  readonly path: string;
  /** Lets the next start in. Idempotent. */
  release(): void;
}

/** The process that has a home, as its lock names it. */
export interface HomeOwner extends ProcessIdentity {
  readonly since: string;
  /** It has the home for a moment, and is waited for. */
  readonly isBrief: boolean;
}

/** The lock of a home. */
export const homeLock = (home: string): string =>
  join(runDirectory(resolve(home)), "holdfast.lock");

/** null: there is no lock, or it names nobody. */
export function readOwner(file: string): HomeOwner | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (!isProcessIdentity(value)) return null;
    const since = "since" in value && typeof value.since === "string" ? value.since : "unknown";
    const isBrief = "isBrief" in value && value.isBrief === true;
    return { pid: value.pid, startTime: value.startTime, since, isBrief };
  } catch {
    return null;
  }
}

function inUse(home: string, { pid, since }: HomeOwner): HoldfastError {
  return new HoldfastError({
    code: "HOME_IN_USE",
    message: `Holdfast already runs in ${home} (pid ${pid}, since ${since}).`,
    next: `Stop it with Ctrl-C there or with \`kill ${pid}\`, or name another folder in HOLDFAST_HOME.`,
  });
}

interface Taken {
  readonly me: HomeOwner;
  /** The lock of a dead owner stood there. */
  readonly wasStale: boolean;
}

const attemptsMax = 5;
const lookAgainMs = 20;

/**
 * Creates the lock whole or not at all, and only if there is none: `link` refuses an existing name.
 */
function takeLock(home: string, lock: string, now: () => Date, isBrief: boolean): Taken {
  const me: HomeOwner = { ...ownIdentity(), since: now().toISOString(), isBrief };
  const draft = `${lock}.${process.pid}.tmp`;
  let wasStale = false;
  try {
    writeFileSync(draft, `${JSON.stringify(me)}\n`, { mode: 0o600 });
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      try {
        linkSync(draft, lock);
        return { me, wasStale };
      } catch (cause) {
        if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
      }
      wasStale = removeStaleLock(home, lock) || wasStale;
    }
  } finally {
    rmSync(draft, { force: true });
  }
  throw new HoldfastError({
    code: "HOME_CONTESTED",
    message: `Others start in ${home} at the same moment.`,
    next: "Start once more.",
    policy: "retryable",
  });
}

/**
 * Moves the lock aside before judging it, so that two starts cannot both remove a stale one. `false`: another has
 * removed it.
 */
function removeStaleLock(home: string, lock: string): boolean {
  const owner = readOwner(lock);
  if (owner !== null && isRunning(owner)) throw inUse(home, owner);
  const aside = `${lock}.${process.pid}.stale.tmp`;
  try {
    renameSync(lock, aside);
  } catch {
    return false;
  }
  const moved = readOwner(aside);
  if (moved !== null && isRunning(moved)) {
    linkSync(aside, lock);
    rmSync(aside, { force: true });
    throw inUse(home, moved);
  }
  rmSync(aside, { force: true });
  return true;
}

function freeLock(lock: string, me: ProcessIdentity): void {
  const owner = readOwner(lock);
  if (owner?.pid === me.pid && owner.startTime === me.startTime) rmSync(lock, { force: true });
}

const briefMsMax = 10_000;

/**
 * A sweep ends by itself: whoever comes meanwhile goes on after it. Polls, because no event reports a lock that is
 * given back by a process that goes on.
 */
async function takeLockInTurn(
  home: string,
  lock: string,
  now: () => Date,
  isBrief: boolean,
): Promise<Taken> {
  const untilMs = performance.now() + briefMsMax;
  for (;;) {
    try {
      return takeLock(home, lock, now, isBrief);
    } catch (error) {
      const waits = readOwner(lock)?.isBrief === true && performance.now() < untilMs;
      if (!waits || !isInUse(error)) throw error;
    }
    await new Promise((done) => setTimeout(done, lookAgainMs));
  }
}

export const isInUse = (error: unknown): boolean =>
  error instanceof HoldfastError && error.code === "HOME_IN_USE";

/**
 * Has the home for a moment, in which no start begins there, and touches nothing in it. `work` hears whether a dead
 * owner's lock stood there. Throws HOME_IN_USE while another process has it, and the system's errors where the lock
 * cannot be written.
 */
export async function withHome<Result>(
  home: string,
  now: () => Date,
  work: (wasStale: boolean) => Promise<Result>,
): Promise<Result> {
  const path = resolve(home);
  const lock = homeLock(path);
  mkdirSync(runDirectory(path), { recursive: true, mode: 0o700 });
  const { me, wasStale } = await takeLockInTurn(path, lock, now, true);
  try {
    return await work(wasStale);
  } finally {
    freeLock(lock, me);
  }
}

/**
 * Takes the home for this process. Ends and removes the remains of a killed run in it.
 * Errors: HOME_IN_USE, HOME_CONTESTED (retryable), HOME_UNUSABLE.
 */
export async function openHome(
  home: string,
  { log, now }: { readonly log: Log; readonly now: () => Date },
): Promise<OpenHome> {
  const path = resolve(home);
  const lock = homeLock(path);
  try {
    mkdirSync(runDirectory(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new HoldfastError({
      code: "HOME_UNUSABLE",
      message: `The home ${path} cannot be made: ${cause instanceof Error ? cause.message : String(cause)}.`,
      next: "Name a folder that you may write to in HOLDFAST_HOME.",
      cause,
    });
  }
  const { me } = await takeLockInTurn(path, lock, now, false);
  const release = () => freeLock(lock, me);
  try {
    rmSync(join(path, "run.json"), { force: true });
    await reap(path, log);
    return { path, release };
  } catch (error) {
    release();
    throw error;
  }
}
