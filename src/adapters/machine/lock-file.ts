import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import {
  isProcessIdentity,
  isRunning,
  ownIdentity,
  type ProcessIdentity,
  waitUntilGone,
} from "./process-identity.ts";

export interface LockFileOptions {
  readonly file: string;
  /** How long to wait for the process that holds it, in milliseconds. */
  readonly waitMs: number;
  onWait(): void;
}

/**
 * Takes a file that names its holder by process number and start, and waits for a holder that runs. One that no longer
 * runs is passed over. Resolves with what frees it, or with null when the time is up.
 */
export async function takeLockFile(options: LockFileOptions): Promise<(() => void) | null> {
  const { file, waitMs, onWait } = options;
  const me = ownIdentity();
  const draft = `${file}.${me.pid}.tmp`;
  const untilMs = performance.now() + waitMs;
  writeFileSync(draft, `${JSON.stringify(me)}\n`, { mode: 0o600 });
  try {
    for (;;) {
      if (linkNew(draft, file))
        return () => {
          if (isSame(holderOf(file), me)) rmSync(file, { force: true });
        };
      const holder = runningHolder(file, me);
      if (holder === null) continue;
      onWait();
      const isGone = await waitUntilGone(holder, Math.max(0, untilMs - performance.now()));
      if (!isGone) return null;
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The file comes into being whole, and only if there is none: `link` refuses an existing name. */
function linkNew(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return false;
    throw cause;
  }
}

/** The holder, or null once a file without one is out of the way. It is moved aside before it is judged. */
function runningHolder(file: string, me: ProcessIdentity): ProcessIdentity | null {
  const holder = holderOf(file);
  if (holder !== null && isRunning(holder)) return holder;
  const aside = `${file}.${me.pid}.stale.tmp`;
  try {
    renameSync(file, aside);
  } catch {
    return null;
  }
  const moved = holderOf(aside);
  // Between the two looks another process took it.
  const isLive = moved !== null && isRunning(moved);
  if (isLive) linkNew(aside, file);
  rmSync(aside, { force: true });
  return isLive ? moved : null;
}

function holderOf(file: string): ProcessIdentity | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isProcessIdentity(value) ? value : null;
  } catch {
    return null;
  }
}

const isSame = (one: ProcessIdentity | null, other: ProcessIdentity): boolean =>
  one?.pid === other.pid && one.startTime === other.startTime;
