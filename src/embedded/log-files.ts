import {
  createWriteStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";

/** One part's output, over all its starts. What it cannot write is lost, and stops nothing. */
export interface LogFile {
  write(line: string): void;
  close(): void;
}

export interface LogBounds {
  /** A file that has grown to this is put aside. */
  readonly bytesMax: number;
  /** So many of those are kept, the newest. */
  readonly asideMax: number;
  readonly now: () => Date;
}

const megabyte = 1024 * 1024;
const boundsByDefault: LogBounds = {
  bytesMax: 20 * megabyte,
  asideMax: 5,
  now: () => new Date(),
};

/** `gate.20261129T084720123Z.log`: the name tells until when it was written. */
const asideForm = /^(?<name>.+)\.(?<until>\d{8}T\d{9}Z)\.log$/;

/** The part whose log was put aside under this file name; null: it is no such file. */
export const asideOf = (file: string): string | null =>
  asideForm.exec(file)?.groups?.["name"] ?? null;

/** Every file of a part's log that is there, the oldest first and the one that is written last. */
export function logFilesOf(folder: string, name: string): readonly string[] {
  const aside = asideFiles(folder, name);
  const current = join(folder, `${name}.log`);
  return existsSync(current) ? [...aside, current] : aside;
}

function asideFiles(folder: string, name: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => asideOf(file) === name)
    .toSorted()
    .map((file) => join(folder, file));
}

/**
 * Opens a part's log, and goes on where it ended. A file that has grown too large is put aside under the time, so that
 * no two files ever change names.
 */
export function openLogFile(
  folder: string,
  name: string,
  bounds: Partial<LogBounds> = {},
): LogFile {
  const { bytesMax, asideMax, now } = { ...boundsByDefault, ...bounds };
  const path = join(folder, `${name}.log`);
  let current = openCurrent(folder, path);
  /** Lines that come while a file is being put aside; null: none is. */
  let waiting: string[] | null = null;
  let isClosed = false;

  /** The next file begins when the last line of this one is written: a reader never has to look back. */
  function turnOver(): void {
    const full = current;
    if (full === null) return;
    waiting = [];
    const goOn = () => {
      putAside();
      current = openCurrent(folder, path);
      // Where it could not be put aside it grows on, and is tried again after as much once more.
      if (current !== null) current.bytes = 0;
      const lines = waiting ?? [];
      waiting = null;
      for (const line of lines) write(line);
      if (isClosed) end();
    };
    if (full.stream.closed) return goOn();
    full.stream.once("close", goOn);
    full.stream.end();
  }

  function putAside(): void {
    try {
      renameSync(path, freeName(folder, name, now().getTime()));
      const aside = asideFiles(folder, name);
      for (const old of aside.slice(0, Math.max(0, aside.length - asideMax)))
        rmSync(old, { force: true });
    } catch {
      // A folder that takes no change.
    }
  }

  function write(line: string): void {
    if (waiting !== null) return void waiting.push(line);
    // A disk that was full may have room again.
    if (current?.stream.destroyed === true) current = openCurrent(folder, path);
    if (current === null) return;
    const text = `${line}\n`;
    current.stream.write(text);
    current.bytes += Buffer.byteLength(text);
    if (current.bytes >= bytesMax) turnOver();
  }

  function end(): void {
    if (waiting !== null) return;
    current?.stream.end();
    current = null;
  }

  if (current !== null && current.bytes >= bytesMax) turnOver();
  return {
    write(line) {
      if (!isClosed) write(line);
    },
    close() {
      isClosed = true;
      end();
    },
  };
}

function openCurrent(folder: string, path: string) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = openSync(path, "a", 0o600);
    const stream = createWriteStream(path, { fd: file });
    // A full disk must stop the log only, not the service.
    stream.on("error", () => {});
    return { stream, bytes: fstatSync(file).size };
  } catch {
    return null;
  }
}

function freeName(folder: string, name: string, atMs: number): string {
  const until = new Date(atMs).toISOString().replaceAll(/[-:.]/g, "");
  const path = join(folder, `${name}.${until}.log`);
  return existsSync(path) ? freeName(folder, name, atMs + 1) : path;
}
