import { readFileSync } from "node:fs";
import { HoldfastError } from "../errors.ts";

/** Libraries, logs, sockets and the database's own; a start with a few accounts takes about half. */
const openFilesMin = 256;

/** Throws OPEN_FILES_FEW where this process may open fewer files than a start needs. `null`: not known. */
export function requireOpenFiles(most: number | null): void {
  if (most === null || most >= openFilesMin) return;
  throw new HoldfastError({
    code: "OPEN_FILES_FEW",
    message: `This process may have ${most} files and sockets open at a time, and needs ${openFilesMin}.`,
    next: "Allow more: ulimit -n 4096 in the shell, LimitNOFILE=4096 in a unit, or docker run --ulimit nofile=4096.",
  });
}

/** As the kernel limits this process: getrlimit(2), RLIMIT_NOFILE. Node raises the soft limit to the hard one. */
export function openFilesMost(): number | null {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const [, soft] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
