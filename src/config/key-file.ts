import { statSync } from "node:fs";
import { HoldfastError } from "../errors.ts";

const groupOrOthers = 0o077;
const rootId = 0;

/**
 * Refuses a file with a master key that anybody but this user and root can read or has made. Root's own file may be
 * readable by root's group: so systemd hands a credential over. Throws MASTER_KEY_EXPOSED.
 */
export function refuseExposedKey(file: string): void {
  const me = process.geteuid?.();
  if (me === undefined) return;
  const { uid, gid, mode } = statSync(file);
  const isRoots = uid === rootId && gid === rootId;
  const allowed = isRoots ? 0o040 : 0;
  if ((mode & groupOrOthers & ~allowed) !== 0)
    throw exposed(
      `${file} with the master key can be read by other users (mode ${(mode & 0o777).toString(8)}).`,
      `If it may have been read, make another key and use rotate-key; then type: chmod 600 ${file}`,
    );
  if (uid !== me && uid !== rootId)
    throw exposed(
      `${file} with the master key belongs to another user (uid ${uid}).`,
      `Type as root: chown ${me} ${file}`,
    );
}

const exposed = (message: string, next: string) =>
  new HoldfastError({ code: "MASTER_KEY_EXPOSED", message, next });
