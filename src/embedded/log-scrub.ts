import { closeSync, existsSync, openSync, readdirSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

const chunkBytes = 4 * 1024 * 1024;
/** Longer than any form of a name: one that stands across two chunks is found in the second. */
const overlapBytes = 4096;

/**
 * Overwrites what the pattern finds in every log of a folder with asterisks, byte by byte: the files keep their
 * lengths, so that a part that writes on is not held up. Answers the number of finds by file.
 * @param isDryRun counts, and changes nothing
 */
export function scrubLogs(
  folder: string,
  pattern: RegExp,
  isDryRun: boolean,
): Readonly<Record<string, number>> {
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder).filter((name) => name.endsWith(".log"));
  const found = names.map(
    (name) => [name, scrubFile(join(folder, name), pattern, isDryRun)] as const,
  );
  return Object.fromEntries(found.filter(([, n]) => n > 0));
}

function scrubFile(path: string, pattern: RegExp, isDryRun: boolean): number {
  const file = openSync(path, isDryRun ? "r" : "r+");
  const everywhere = new RegExp(pattern.source, "g");
  const chunk = Buffer.alloc(chunkBytes);
  const starts = new Set<number>();
  try {
    for (let at = 0; ; ) {
      const bytes = readSync(file, chunk, 0, chunkBytes, at);
      // One character for each byte, so that a place in the text is a place in the file.
      const text = chunk.toString("latin1", 0, bytes);
      for (const { 0: words, index } of text.matchAll(everywhere)) {
        starts.add(at + index);
        if (!isDryRun) writeSync(file, "*".repeat(words.length), at + index);
      }
      if (bytes < chunkBytes) return starts.size;
      at += bytes - overlapBytes;
    }
  } finally {
    closeSync(file);
  }
}
