import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  endProcess,
  isProcessIdentity,
  isRunning,
  type ProcessIdentity,
} from "../adapters/machine/process-identity.ts";

export type StopSignal = "SIGINT" | "SIGTERM";

/** The next start reads this to clear up after the process. */
export interface ProcessRecord extends ProcessIdentity {
  readonly name: string;
  readonly stopSignal: StopSignal;
  /** Loopback ports of the process, as far as known. */
  readonly ports: readonly number[];
  /** Temporary directories, removed together with the process. */
  readonly dirs: readonly string[];
}

/** One line of progress or explanation. */
export type Log = (line: string) => void;

export const runDirectory = (home: string): string => join(home, "run");

const recordFile = (home: string, name: string): string =>
  join(runDirectory(home), `${name}.process.json`);

/** Writes the record whole or not at all. */
export function writeFileAtomically(file: string, text: string, mode = 0o600): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, file);
}

export function writeRecord(home: string, record: ProcessRecord): void {
  mkdirSync(runDirectory(home), { recursive: true, mode: 0o700 });
  writeFileAtomically(recordFile(home, record.name), `${JSON.stringify(record)}\n`);
}

/**
 * Removes the record and the temporary directories of an ended process. A record that now describes
 * another process stays.
 */
export function clearRecord(home: string, record: ProcessRecord): void {
  for (const dir of record.dirs) rmSync(dir, { recursive: true, force: true });
  const file = recordFile(home, record.name);
  const now = readRecord(file);
  if (now !== null && now.pid === record.pid && now.startTime === record.startTime)
    rmSync(file, { force: true });
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

const stopOrphanWithinMs = 10_000;
/** Users of other parts end first: the gate needs the rest to give back its lease and tokens. */
const endingOrder = ["sentinel", "gate", "node", "telegram-dc"];

function inEndingOrder(records: readonly ProcessRecord[]): readonly ProcessRecord[] {
  const rank = ({ name }: ProcessRecord) => {
    const place = endingOrder.indexOf(name);
    return place < 0 ? endingOrder.length : place;
  };
  return records.toSorted((a, b) => rank(a) - rank(b));
}

function recordsIn(home: string): readonly ProcessRecord[] {
  const directory = runDirectory(home);
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names
    .filter((name) => name.endsWith(".process.json"))
    .map((name) => readRecord(join(directory, name)))
    .filter((found) => found !== null)
    .filter((found) => found.pid !== process.pid);
}

/** The processes recorded in `home` that run, except the caller. */
export const runningIn = (home: string): readonly ProcessRecord[] =>
  recordsIn(home).filter(isRunning);

/**
 * Ends every process recorded in `home`, except the caller, by pid *and* start time. Removes its
 * record and temporary directories. Returns the processes that still ran.
 */
export async function endRecorded(home: string, log: Log): Promise<readonly ProcessRecord[]> {
  const ended: ProcessRecord[] = [];
  for (const record of inEndingOrder(recordsIn(home))) {
    if (isRunning(record)) {
      log(`ending ${record.name} (pid ${record.pid}), left behind by an earlier run`);
      await endProcess(record, { politely: record.stopSignal, waitMs: stopOrphanWithinMs });
      ended.push(record);
    }
    clearRecord(home, record);
  }
  return ended;
}

/**
 * Ends the remains of an earlier run in `home`: its processes, records, sockets and unfinished
 * files. Only the holder of the home may call it. Returns the records of processes that still ran.
 */
export async function reap(home: string, log: Log): Promise<readonly ProcessRecord[]> {
  const directory = runDirectory(home);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const reaped = await endRecorded(home, log);
  for (const name of readdirSync(directory))
    if (/\.(process\.json|tmp|sock)$|^gate\.lock$/.test(name))
      rmSync(join(directory, name), { force: true });
  return reaped;
}
