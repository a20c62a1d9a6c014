import { createHash } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { HoldfastError } from "../../errors.ts";
import { takeLockFile } from "./lock-file.ts";

export interface HostLockOptions {
  /** As `hostLockName` gives it. */
  readonly name: string;
  /** The host's name, for a person. */
  readonly host: string;
  /** The lock's file: its folder belongs to this user alone. */
  readonly file: string;
  /** How long to wait for another gate of this host to end, in milliseconds. */
  readonly waitMs: number;
  /** Another gate is waited for, as in a rolling deploy. */
  onWait(): void;
  /** The name is taken by another user of the machine, or from another namespace of processes. It stops nothing. */
  onStranger(): void;
}

export interface HostLock {
  /** Whether the abstract socket of that name is this process's, for as long as it runs. */
  readonly holdsName: boolean;
  readonly free: () => void;
}

/** For the end of a process that is dying already. */
const dyingMsMax = 500;

export interface LockedFleet {
  /** The fleet is whom this database knows. Its NATS may have other addresses from one start to the next. */
  readonly databaseUrl: string;
  readonly host: string;
}

/**
 * The same for every gate of a host, and for no other. Everybody on the machine can read it, so no password goes into
 * it: a name would tell whether a guess is right.
 */
export function hostLockName({ databaseUrl, host }: LockedFleet): string {
  const fleet = withoutSecrets(databaseUrl);
  const name = createHash("sha256").update(`${fleet}\n${host}`).digest("hex").slice(0, 32);
  return `holdfast-gate-${name}`;
}

function withoutSecrets(text: string): string {
  const url = URL.parse(text.trim());
  if (url === null) return "";
  // An embedded database is told apart by the folder of its socket, a schema by its user or its options.
  const [folder, options] = ["host", "options"].map((name) => url.searchParams.get(name) ?? "");
  return `${url.protocol}//${url.username}@${url.host}${url.pathname}?${folder}&${options}`;
}

/**
 * One gate per host and fleet. Its file in the home shuts out another gate of that home. An abstract unix socket tells
 * gates of other homes of the same user; the kernel gives it back when this process ends in any way. Any local user can
 * take such a name, so one that is not seen to be this user's is passed over: then the lease alone judges, as it does
 * elsewhere than on Linux. Throws HOST_LOCKED.
 */
export async function takeHostLock(options: HostLockOptions): Promise<HostLock> {
  const { file, host, waitMs } = options;
  const untilMs = performance.now() + waitMs;
  let told = false;
  const onWait = () => {
    if (!told) options.onWait();
    told = true;
  };
  const freeFile = await takeLockFile({ file, waitMs, onWait });
  if (freeFile === null) throw hostLocked(host);
  try {
    const name = await takeName(options, untilMs, onWait);
    return {
      holdsName: name !== null,
      free() {
        name?.close();
        freeFile();
      },
    };
  } catch (error) {
    freeFile();
    throw error;
  }
}

/** Null where the name cannot be had, and its holder is not to be waited for. */
async function takeName(
  { name, host, onStranger }: HostLockOptions,
  untilMs: number,
  onWait: () => void,
): Promise<Server | null> {
  if (process.platform !== "linux") return null;
  const path = `\0${name}`;
  for (;;) {
    const server = await listen(path);
    if (server !== null) return server;
    if (!isHeldByThisUser(name)) {
      // A process that ends keeps its name for a moment after its files are gone from /proc.
      await untilGone(path, dyingMsMax);
      const secondLook = await listen(path);
      if (secondLook === null) onStranger();
      return secondLook;
    }
    const leftMs = untilMs - performance.now();
    if (leftMs <= 0) throw hostLocked(host);
    onWait();
    await untilGone(path, leftMs);
  }
}

/** Null when the name is taken. */
async function listen(path: string): Promise<Server | null> {
  // A process that waits for this lock keeps its connection until this process has ended.
  const server = createServer((socket) => socket.on("error", () => {}).unref());
  const isListening = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(path, () => resolve(true));
  });
  return isListening ? server.unref() : null;
}

/** Whether a process of this user has a socket of that abstract name: proc(5), net/unix. */
function isHeldByThisUser(name: string): boolean {
  const inodes = new Set(
    readFileSync("/proc/net/unix", "latin1")
      .split("\n")
      .filter((line) => line.endsWith(` @${name}`))
      .map((line) => `socket:[${line.trim().split(/\s+/)[6] ?? ""}]`),
  );
  const processes = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  return processes.some((pid) => socketsOf(pid).some((socket) => inodes.has(socket)));
}

/** None for a process that is another user's, or that has just ended. */
function socketsOf(pid: string): readonly string[] {
  try {
    if (statSync(`/proc/${pid}`).uid !== process.geteuid?.()) return [];
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Resolves when the process at the other end has gone, or when the time is up. */
function untilGone(path: string, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const timer = setTimeout(() => socket.destroy(), waitMs);
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function hostLocked(host: string): HoldfastError {
  return new HoldfastError({
    code: "HOST_LOCKED",
    message: `Another gate runs for host "${host}" of this fleet on this machine, and does not end.`,
    next: "Stop it, or give this one a name of its own in HOLDFAST_HOST.",
    policy: "retryable",
  });
}
