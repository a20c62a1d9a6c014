import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeFileAtomically } from "../../embedded/process-records.ts";

/** When this home's fleet was last backed up, and where to. */
export interface LastBackup {
  /** ISO 8601. */
  readonly at: string;
  readonly folder: string;
}

const fileOf = (home: string): string => join(resolve(home), "last-backup.json");

/** Written where there is a home: a machine without one remembers nothing. */
export function noteBackup(home: string, backup: LastBackup): void {
  if (existsSync(resolve(home))) writeFileAtomically(fileOf(home), `${JSON.stringify(backup)}\n`);
}

/** null: none is known here. */
export function readLastBackup(home: string): LastBackup | null {
  try {
    const { at, folder } = JSON.parse(readFileSync(fileOf(home), "utf8")) as Partial<LastBackup>;
    if (typeof at !== "string" || typeof folder !== "string") return null;
    return Number.isNaN(Date.parse(at)) ? null : { at, folder };
  } catch {
    return null;
  }
}
