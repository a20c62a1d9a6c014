import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process, distinct from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: boot and clock ticks on Linux, a date elsewhere. Equal only for the same process. */
  readonly startTime: string;
}

export function isProcessIdentity(value: unknown): value is ProcessIdentity {
  return (
    typeof value === "object" &&
    value !== null &&
    "pid" in value &&
    typeof value.pid === "number" &&
    "startTime" in value &&
    typeof value.startTime === "string"
  );
}

function startTimeOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // proc(5): the name in parentheses may contain spaces; after it come state (field 3) … starttime (field 22).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = fields[0];
    const ticks = fields[19];
    if (state === undefined || ticks === undefined || "ZXx".includes(state)) return null;
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}:${ticks}`;
  } catch {
    return null;
  }
}

function startTimeElsewhere(pid: number): string | null {
  const answer = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
  });
  const line = answer.status === 0 ? answer.stdout.trim() : "";
  if (line === "" || line.startsWith("Z")) return null;
  return line.replace(/^\S+\s+/, "");
}

/** The start of the process, or null when no such process runs (a zombie does not run). */
export function startTimeOf(pid: number): string | null {
  return process.platform === "linux" ? startTimeOnLinux(pid) : startTimeElsewhere(pid);
}

/** The program name of a process, or null when no such process runs. */
export function programOf(pid: number): string | null {
  if (startTimeOf(pid) === null) return null;
  try {
    if (process.platform === "linux") return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return null;
  }
  const answer = spawnSync("ps", ["-o", "comm=", "-p", String(pid)], { encoding: "utf8" });
  return answer.status === 0 ? answer.stdout.trim() : null;
}

export function isRunning(of: ProcessIdentity): boolean {
  return startTimeOf(of.pid) === of.startTime;
}

/** The identity of the calling process. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? "unknown" };
}

const lookAgainMs = 20;

/**
 * Resolves true once the process is gone, false after `timeoutMs`. Polls, because no event reports
 * the end of a process other than a child.
 */
export async function waitUntilGone(of: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const looks = Math.ceil(timeoutMs / lookAgainMs);
  for (let look = 0; look < looks; look += 1) {
    if (!isRunning(of)) return true;
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  }
  return !isRunning(of);
}

/** Sends a signal; a process that is already gone is no error. */
function signal(of: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isRunning(of)) return;
  try {
    process.kill(of.pid, name);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause;
  }
}

/** Ends a process that is not a child of this one: politely first, then by SIGKILL. */
export async function endProcess(
  of: ProcessIdentity,
  { politely, waitMs }: { readonly politely: NodeJS.Signals; readonly waitMs: number },
): Promise<void> {
  signal(of, politely);
  if (await waitUntilGone(of, waitMs)) return;
  signal(of, "SIGKILL");
  await waitUntilGone(of, waitMs);
}
