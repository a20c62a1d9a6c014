import { closeSync, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { HoldfastError } from "../../errors.ts";

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, the final zero included. */
export const socketPathBytesMax = 103;

/** A unix socket's path as the kernel takes it. */
export interface SocketPath {
  readonly path: string;
  /** From then on the path may name something else. */
  close(): void;
}

/**
 * A path that is too long for a socket is named by an open descriptor of its folder, which Linux allows (proc(5),
 * /proc/pid/fd). Elsewhere it throws SOCKET_PATH_LONG.
 */
export function openSocketPath(path: string): SocketPath {
  if (Buffer.byteLength(path) <= socketPathBytesMax) return { path, close: () => {} };
  if (process.platform !== "linux") throw tooLong(path);
  const folder = openSync(dirname(path), "r");
  return {
    path: `/proc/self/fd/${folder}/${basename(path)}`,
    close: () => closeSync(folder),
  };
}

const tooLong = (path: string) =>
  new HoldfastError({
    code: "SOCKET_PATH_LONG",
    message: `${path} is too long for a socket: it has more than ${socketPathBytesMax} bytes.`,
    next: "Name a shorter folder in HOLDFAST_HOME.",
  });
