import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { HoldfastError } from "../errors.ts";

export interface ServiceUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function numericId(flag: "-u" | "-g", name: string): number | null {
  const answer = spawnSync("id", [flag, name], { encoding: "utf8" });
  return answer.status === 0 ? Number(answer.stdout) : null;
}

/**
 * The user for a program that refuses to run as root: `postgres` where it exists, else `nobody`.
 * Null when this process is not root. Throws NO_SERVICE_USER.
 */
export function serviceUser(): ServiceUser | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["postgres", "nobody"]) {
    const uid = numericId("-u", name);
    const gid = numericId("-g", name);
    if (uid !== null && gid !== null) return { name, uid, gid };
  }
  throw new HoldfastError({
    code: "NO_SERVICE_USER",
    message: "PostgreSQL refuses to run as root, and this machine has no user postgres or nobody.",
    next: "Start as an ordinary user, or name a database in HOLDFAST_DATABASE_URL.",
  });
}

/**
 * PostgreSQL asks the system for the name of the user that it runs as. Throws USER_NAMELESS.
 * @param uid of this process; null where the system has no such numbers
 * @param nameOf throws for a user without a name
 */
export function requireNamedUser(uid: number | null, nameOf: () => string): void {
  if (uid === null) return;
  try {
    nameOf();
  } catch (cause) {
    throw new HoldfastError({
      code: "USER_NAMELESS",
      message: `This process runs as the user ${uid}, who has no name on this machine, and PostgreSQL needs one.`,
      next: `Give it one by a line in /etc/passwd, such as holdfast:x:${uid}:0::/tmp:/bin/sh, or name a database in HOLDFAST_DATABASE_URL.`,
      cause,
    });
  }
}

/** Throws where the system knows none. */
export const ownName = (): string => userInfo().username;

/** Whether the user may pass through `path` and every folder above it. */
export function canReach(path: string, user: ServiceUser): boolean {
  for (let at = path; ; at = dirname(at)) {
    const { uid, gid, mode } = statSync(at);
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
