import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

export interface JournalEntry {
  readonly kind: "open" | "close";
  readonly at: string;
  readonly account: string;
  readonly slot: number;
  readonly epoch: number;
  readonly remote: string;
  readonly localPort: number;
  readonly bytesOut?: number;
  readonly bytesIn?: number;
}

/**
 * Every open and close of a socket, one JSON line each, chained: `previous` is the sha256 of the line before.
 * A line is handed to the kernel before the event that it tells of is answered; it survives the process.
 */
export function createJournal(path: string): (entry: JournalEntry) => void {
  mkdirSync(dirname(path), { recursive: true });
  let previous = "";
  return (entry) => {
    const line = JSON.stringify({ ...entry, previous });
    previous = createHash("sha256").update(line).digest("hex");
    appendFileSync(path, `${line}\n`, { mode: 0o600 });
  };
}
