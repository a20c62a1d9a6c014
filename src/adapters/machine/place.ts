import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";

/** Where a folder stands, so that a copy of it can be told from itself. */
export interface Place {
  /** Absolute. */
  readonly path: string;
  /** As text: it may not fit a number. */
  readonly inode: string;
  /** null where the system gives none: anywhere but on Linux, and in many containers. */
  readonly machineId: string | null;
  /** Changes at a restart with some file systems: it is written down for a person, and proves nothing. */
  readonly device: string;
}

const machineIdFiles = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

function readMachineId(): string | null {
  for (const file of machineIdFiles) {
    try {
      const text = readFileSync(file, "utf8").trim();
      if (/^[0-9a-f]{32}$/.test(text)) return text;
    } catch {
      // Not every system has it.
    }
  }
  return null;
}

const inodeOf = (path: string): { readonly inode: string; readonly device: string } => {
  const { ino, dev } = statSync(path, { bigint: true });
  return { inode: String(ino), device: String(dev) };
};

/** Of a folder that exists. */
export function placeOf(folder: string): Place {
  const path = resolve(folder);
  return { path, machineId: readMachineId(), ...inodeOf(path) };
}

/** Whether the folder still stands where it was seen. */
export function standsAt({ path, inode }: Place): boolean {
  try {
    return inodeOf(path).inode === inode;
  } catch {
    return false;
  }
}

/**
 * True if `now` may be a copy of what stood at `then`, while the original is used elsewhere. The same folder of the
 * same machine is none. On the same machine neither is a folder at the old path, which was restored there, nor one
 * whose original is gone. Where the machine cannot be told, another folder is taken for a copy.
 * @param originalStands whether the folder of `then` is still there
 */
export function mayBeCopy(then: Place, now: Place, originalStands: boolean): boolean {
  if (then.machineId !== now.machineId) return true;
  if (then.inode === now.inode) return false;
  if (now.machineId === null) return true;
  return then.path !== now.path && originalStands;
}
