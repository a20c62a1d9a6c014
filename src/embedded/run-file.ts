import { rmSync } from "node:fs";
import { join } from "node:path";
import type { RunInfo } from "./run-info.ts";
import { HoldfastError } from "../errors.ts";
import { writeFileAtomically } from "./process-records.ts";

/** `run.json` of a home: the addresses of the parts, while they run. */
export interface RunFile {
  write(info: RunInfo): void;
  /** Throws RUN_INFO_UNWRITTEN before the first `write`. */
  current(): RunInfo;
  /** Replaces some process numbers; does nothing before the first `write`. */
  setPids(pids: Readonly<Record<string, number>>): void;
  remove(): void;
}

export function createRunFile(home: string): RunFile {
  const file = join(home, "run.json");
  let info: RunInfo | null = null;
  const write = (next: RunInfo) => {
    info = next;
    // Readable by the owner only: a configured database URL may hold a password.
    writeFileAtomically(file, `${JSON.stringify(next)}\n`, 0o600);
  };
  return {
    write,
    current: () => {
      if (info !== null) return info;
      throw new HoldfastError({
        code: "RUN_INFO_UNWRITTEN",
        message: "The addresses are not known before everything serves.",
        next: "Wait for the line that begins with: holdfast ready",
      });
    },
    setPids: (pids) => {
      if (info !== null) write({ ...info, pids: { ...info.pids, ...pids } });
    },
    remove: () => {
      info = null;
      rmSync(file, { force: true });
    },
  };
}
