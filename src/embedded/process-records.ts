import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "./process-identity.ts";
import { endProcess, isProcessIdentity, isRunning } from "./process-identity.ts";

export type StopSignal = "SIGINT" | "SIGTERM";

/** What the next start must know to clear up after this one. */
export interface ProcessRecord extends ProcessIdentity {
  readonly name: string;
  readonly stopSignal: StopSignal;
  /** Loopback ports it listens on, as far as known. */
  readonly ports: readonly number[];
  /** Temporary directories that go with it. */
  readonly dirs: readonly string[];
}

/** One line of progress or explanation. */
export type Log = (line: string) => void;

export const runDirectory = (home: string): string => join(home, "run");

const recordFile = (home: string, name: string): string =>
  join(runDirectory(home), `${name}.process.json`);

/** Written whole or not at all. */
export function writeFileAtomically(file: string, text: string, mode = 0o600): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, file);
}

export function writeRecord(home: string, record: ProcessRecord): void {
  mkdirSync(runDirectory(home), { recursive: true, mode: 0o700 });
  writeFileAtomically(recordFile(home, record.name), `${JSON.stringify(record)}\n`);
}

/** Removes the record and the temporary directories of a process that has ended. */
export function clearRecord(home: string, record: ProcessRecord): void {
  for (const dir of record.dirs) rmSync(dir, { recursive: true, force: true });
  rmSync(recordFile(home, record.name), { force: true });
}

function isProcessRecord(value: unknown): value is ProcessRecord {
  return (
    isProcessIdentity(value) &&
    "name" in value &&
    typeof value.name === "string" &&
    "stopSignal" in value &&
    (value.stopSignal === "SIGINT" || value.stopSignal === "SIGTERM") &&
    "dirs" in value &&
    Array.isArray(value.dirs)
  );
}

function readRecord(file: string): ProcessRecord | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isProcessRecord(value) ? value : null;
  } catch {
    return null;
  }
}

const stopOrphanWithinMs = 3_000;

/**
 * Ends what an earlier run in `home` left behind, by pid *and* start time, and removes its records and
 * temporary directories. Call it only as the holder of the home. Returns the records that still ran.
 */
export async function reap(home: string, log: Log): Promise<readonly ProcessRecord[]> {
  const directory = runDirectory(home);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const files = readdirSync(directory);
  const reaped: ProcessRecord[] = [];
  for (const file of files.filter((name) => name.endsWith(".process.json"))) {
    const path = join(directory, file);
    const record = readRecord(path);
    if (record === null) {
      rmSync(path, { force: true });
      continue;
    }
    if (isRunning(record)) {
      log(`ending ${record.name} (pid ${record.pid}), left behind by an earlier run`);
      await endProcess(record, { politely: record.stopSignal, waitMs: stopOrphanWithinMs });
      reaped.push(record);
    }
    clearRecord(home, record);
  }
  for (const file of files.filter((name) => /\.(tmp|sock)$/.test(name)))
    rmSync(join(directory, file), { force: true });
  return reaped;
}
