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

interface Owner extends ProcessIdentity {
  readonly since: string;
}

function readOwner(file: string): Owner | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (!isProcessIdentity(value)) return null;
    const since = "since" in value && typeof value.since === "string" ? value.since : "unknown";
    return { pid: value.pid, startTime: value.startTime, since };
  } catch {
    return null;
  }
}

function inUse(home: string, { pid, since }: Owner): HoldfastError {
  return new HoldfastError({
    code: "HOME_IN_USE",
    message: `Holdfast already runs in ${home} (pid ${pid}, since ${since}).`,
    next: `Stop it with Ctrl-C there or with \`kill ${pid}\`, or name another folder in HOLDFAST_HOME.`,
  });
}

const attemptsMax = 5;

/**
 * Creates the lock whole or not at all, and only if there is none: `link` refuses an existing name.
 */
function takeLock(home: string, lock: string, now: () => Date): Owner {
  const me: Owner = { ...ownIdentity(), since: now().toISOString() };
  const draft = `${lock}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(me)}\n`, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      try {
        linkSync(draft, lock);
        return me;
      } catch (cause) {
        if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
      }
      removeStaleLock(home, lock);
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

/** Moves the lock aside before judging it, so that two starts cannot both remove a stale one. */
function removeStaleLock(home: string, lock: string): void {
  const owner = readOwner(lock);
  if (owner !== null && isRunning(owner)) throw inUse(home, owner);
  const aside = `${lock}.${process.pid}.stale.tmp`;
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  const moved = readOwner(aside);
  if (moved !== null && isRunning(moved)) {
    linkSync(aside, lock);
    rmSync(aside, { force: true });
    throw inUse(home, moved);
  }
  rmSync(aside, { force: true });
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
  const lock = join(runDirectory(path), "holdfast.lock");
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
  const me = takeLock(path, lock, now);
  const release = () => {
    const owner = readOwner(lock);
    if (owner?.pid === me.pid && owner.startTime === me.startTime) rmSync(lock, { force: true });
  };
  try {
    rmSync(join(path, "run.json"), { force: true });
    await reap(path, log);
    return { path, release };
  } catch (error) {
    release();
    throw error;
  }
}
