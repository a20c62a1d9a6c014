import { closeSync, existsSync, fstatSync, openSync, readSync, statSync, watch } from "node:fs";
import { logFilesOf } from "../embedded/log-files.ts";

/** The file is read in pieces of this many bytes. */
const pieceBytes = 64 * 1024;

/** A part's log, over all the files that it has come to fill. */
export interface LogReading {
  /** Tells each whole line that stands there and was not told yet, the oldest first. */
  readOn(): void;
  close(): void;
}

/** A file that is put aside while it is read is read to its end first. null: the part has no log here. */
export function openLogReading(
  folder: string,
  name: string,
  tell: (line: string) => void,
): LogReading | null {
  const [oldest] = logFilesOf(folder, name);
  if (oldest === undefined) return null;
  let file = openSync(oldest, "r");
  let [at, rest] = [0, Buffer.alloc(0)];
  const piece = Buffer.alloc(pieceBytes);

  function readToEnd(): void {
    for (;;) {
      const bytes = readSync(file, piece, 0, pieceBytes, at);
      if (bytes === 0) return;
      at += bytes;
      rest = Buffer.concat([rest, piece.subarray(0, bytes)]);
      const end = rest.lastIndexOf("\n");
      if (end === -1) continue;
      for (const line of rest.toString("utf8", 0, end).split("\n")) if (line !== "") tell(line);
      rest = rest.subarray(end + 1);
    }
  }

  /** The file that was begun after this one; null: this is the newest, or its successor is not there yet. */
  function successor(): string | null {
    const { ino } = fstatSync(file);
    const files = logFilesOf(folder, name);
    const here = files.findIndex((path) => existsSync(path) && statSync(path).ino === ino);
    return files[here + 1] ?? null;
  }

  return {
    readOn() {
      for (;;) {
        readToEnd();
        const next = successor();
        if (next === null) return;
        // It was complete before the next one began: what came after the last look is read too.
        readToEnd();
        closeSync(file);
        file = openSync(next, "r");
        [at, rest] = [0, Buffer.alloc(0)];
      }
    },
    close: () => closeSync(file),
  };
}

/** Reads on with every change of the folder, until the signal. Rejects when that can be watched no longer. */
export function followLog(
  folder: string,
  reading: LogReading,
  signal?: AbortSignal,
): Promise<void> {
  const changes = watch(folder, signal === undefined ? {} : { signal });
  return new Promise<void>((resolve, reject) => {
    changes.on("change", () => {
      try {
        reading.readOn();
      } catch (error) {
        reject(error);
      }
    });
    changes.once("error", reject);
    changes.once("close", () => resolve());
    // What was written before the watch began.
    reading.readOn();
  });
}
