import { existsSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { programOf } from "../adapters/machine/process-identity.ts";

/** Where a server keeps its data is its working folder; null where that cannot be read. */
function folderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

function isServerOf(pid: number, path: string): boolean {
  if (programOf(pid)?.includes("postgres") !== true) return false;
  const folder = folderOf(pid);
  return folder === null || folder === realpathSync(path);
}

/**
 * A server does not start beside a lock file whose process number is taken: by another process, another home's server,
 * or its own predecessor, which was killed and is not reaped yet. Both its locks name it, that of the data and that of
 * the socket.
 */
export function removeStaleLocks(path: string, port: number): void {
  for (const name of ["postmaster.pid", `.s.PGSQL.${port}.lock`]) {
    const file = join(path, name);
    if (!existsSync(file)) continue;
    const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
    if (!isServerOf(pid, path)) rmSync(file, { force: true });
  }
}
