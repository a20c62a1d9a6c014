import { createHash } from "node:crypto";
import { connect, createServer, type Server } from "node:net";
import { HoldfastError } from "../errors.ts";

export interface HostLockOptions {
  /** Tells fleets on one machine apart. */
  readonly fleet: string;
  readonly host: string;
  /** How long to wait for another gate of this host to end, in milliseconds. */
  readonly waitMs: number;
  /** Another gate is waited for, as in a rolling deploy. */
  onWait(): void;
}

/** The same for every gate of a host, and for no other. */
export function hostLockName({ fleet, host }: Pick<HostLockOptions, "fleet" | "host">): string {
  const name = createHash("sha256").update(`${fleet}\n${host}`).digest("hex").slice(0, 32);
  return `holdfast-gate-${name}`;
}

/**
 * One gate per host and fleet: an abstract unix socket. The kernel gives it back when this process
 * ends in any way, and also tells the processes that wait. It is no file, so no shared file system
 * can fool it. Its scope is the network namespace, like that of sockets to Telegram. Elsewhere than
 * on Linux the lease alone judges. Throws HOST_LOCKED.
 */
export async function takeHostLock(options: HostLockOptions): Promise<() => void> {
  if (process.platform !== "linux") return () => {};
  const { host, waitMs } = options;
  const path = `\0${hostLockName(options)}`;
  const untilMs = performance.now() + waitMs;
  for (let told = false; ; told = true) {
    try {
      const server = await listen(path);
      return () => server.close();
    } catch (cause) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) throw hostLocked(host, cause);
      if (!told) options.onWait();
      await untilGone(path, leftMs);
    }
  }
}

async function listen(path: string): Promise<Server> {
  // A process that waits for this lock keeps its connection until this process has ended.
  const server = createServer((socket) => socket.on("error", () => {}).unref());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return server.unref();
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

function hostLocked(host: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: "HOST_LOCKED",
    message: `Another gate runs for host "${host}" of this fleet on this machine, and does not end.`,
    next: "Stop it, or give this one a name of its own in HOLDFAST_HOST.",
    cause,
  });
}
