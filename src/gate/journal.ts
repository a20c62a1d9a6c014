import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { JournalEntry, JournalLine } from "../custody/journal-chain.ts";

/** The journal of one gate: every open and close of a socket, one JSON line each. */
export interface Journal {
  /** The line is handed to the kernel before the event that it tells of is answered; it survives the process. */
  write(entry: JournalEntry): void;
  /** Lines of this journal and of earlier ones of this home that nobody has said to have stored, the oldest first. */
  pending(atMost: number): readonly JournalLine[];
  /** Those are stored elsewhere now. Journals of earlier gates that are stored whole are removed. */
  stored(lines: readonly Pick<JournalLine, "incarnation" | "seq">[]): void;
}

const suffix = ".jsonl";

export const digestOf = (line: string): string => createHash("sha256").update(line).digest("hex");

/**
 * Opens the journal of an incarnation in `folder`, chained: `previous` in each line is the sha256 of the line before.
 * What a killed gate left behind is offered too, its torn last line excepted.
 */
export function openJournal(folder: string, incarnation: string, host: string): Journal {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${host}.${incarnation}${suffix}`);
  let waiting: JournalLine[] = readEarlier(folder, host);
  const earlier = new Map<string, number>();
  for (const { incarnation: id, seq } of waiting) earlier.set(id, seq);
  let previous = "";
  let seq = 0;

  return {
    write(entry) {
      const line = JSON.stringify({ ...entry, previous });
      previous = digestOf(line);
      seq += 1;
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
      waiting.push({ incarnation, host, seq, line });
    },
    pending: (atMost) => waiting.slice(0, atMost),
    stored(lines) {
      const known = new Set(lines.map((line) => `${line.incarnation}/${line.seq}`));
      waiting = waiting.filter((line) => !known.has(`${line.incarnation}/${line.seq}`));
      for (const [id] of earlier) {
        if (waiting.some((line) => line.incarnation === id)) continue;
        earlier.delete(id);
        rmSync(join(folder, `${host}.${id}${suffix}`), { force: true });
      }
    },
  };
}

function readEarlier(folder: string, host: string): JournalLine[] {
  const names = readdirSync(folder).filter(
    (name) => name.startsWith(`${host}.`) && name.endsWith(suffix),
  );
  return names.flatMap((name) => {
    const incarnation = name.slice(host.length + 1, -suffix.length);
    const lines = readFileSync(join(folder, name), "utf8").split("\n");
    // The last one is empty, or was torn when its gate was killed.
    return lines.slice(0, -1).map((line, index) => ({ incarnation, host, seq: index + 1, line }));
  });
}
