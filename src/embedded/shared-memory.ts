import { accessSync, constants, statfsSync } from "node:fs";
import { HoldfastError } from "../errors.ts";

const folder = "/dev/shm";
/** PostgreSQL lays down a megabyte at its start and more for a query that several of its processes run. */
const enoughBytes = 16 * 1024 * 1024;
/** The first whose `initdb` takes settings. */
const settingMajor = 16;
/** Files in the data folder, in place of the machine's shared memory. */
const inFiles = "dynamic_shared_memory_type=mmap";

/** Where PostgreSQL puts what its processes share. */
export interface SharedMemory {
  /** Arguments of `initdb`. Throws SHARED_MEMORY_SMALL. */
  forInitdb(major: number): readonly string[];
  /** Arguments of the server. */
  readonly forServer: readonly string[];
}

/** @param freeBytes of the machine's shared memory; null: there is none to be used, and PostgreSQL sees that itself */
export function sharedMemoryFor(freeBytes: number | null): SharedMemory {
  if (freeBytes === null || freeBytes >= enoughBytes) return { forInitdb: () => [], forServer: [] };
  return {
    forInitdb(major) {
      if (major >= settingMajor) return ["--set", inFiles];
      throw new HoldfastError({
        code: "SHARED_MEMORY_SMALL",
        message: `${folder} has ${inMiB(freeBytes)} MiB free, and PostgreSQL ${major} needs ${inMiB(enoughBytes)} to lay out its data.`,
        next: "Give it more, as by docker run --shm-size=64m or mount -o remount,size=64m /dev/shm, or name a database in HOLDFAST_DATABASE_URL.",
      });
    },
    forServer: ["-c", inFiles],
  };
}

/** Free bytes of this machine's shared memory; null where no file can be made in it. */
export function freeSharedMemory(): number | null {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

const inMiB = (bytes: number): number => Math.floor(bytes / (1024 * 1024));
