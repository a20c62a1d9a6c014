import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type JournalEntry, type JournalLine, prove } from "../../src/custody/journal-chain.ts";
import { digestOf, openJournal } from "../../src/gate/journal.ts";

const second = (n: number) => new Date(1_700_000_000_000 + n * 1000).toISOString();
const entry = (kind: "open" | "close", at: number, epoch: number): JournalEntry => ({
  kind,
  at: second(at),
  account: "site-bot",
  slot: 1,
  epoch,
  remote: "127.0.0.1:443",
  localPort: 40_000 + epoch,
});
const live = () => ({ live: true, endedMs: null });

describe("the proof of custody", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "holdfast-journal-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** What gates on two hosts have written, as it is shipped. */
  function written(of: Readonly<Record<string, readonly JournalEntry[]>>): readonly JournalLine[] {
    return Object.entries(of).flatMap(([host, entries]) => {
      const journal = openJournal(folder, `i-${host}`, host);
      for (const one of entries) journal.write(one);
      return journal.pending(100);
    });
  }

  it("shows who held what, from when to when, and finds nothing wrong with a handover", () => {
    const lines = written({
      h1: [entry("open", 0, 1), entry("close", 10, 1)],
      h2: [entry("open", 11, 2)],
    });
    const { intervals, breaks, overlaps } = prove(lines, digestOf, live);
    expect(intervals).toMatchObject([
      { host: "h1", epoch: 1, known: "closed" },
      { host: "h2", epoch: 2, known: "still open", closedMs: null },
    ]);
    expect([breaks, overlaps]).toEqual([[], []]);
  });

  it("finds two connections of one authorisation that were open at once", () => {
    const lines = written({
      h1: [entry("open", 0, 1), entry("close", 12, 1)],
      h2: [entry("open", 11, 2), entry("close", 20, 2)],
    });
    expect(prove(lines, digestOf, live).overlaps).toMatchObject([[{ host: "h1" }, { host: "h2" }]]);
  });

  it("finds a line that was changed, and one that is missing", () => {
    const lines = written({
      h1: [entry("open", 0, 1), entry("close", 10, 1), entry("open", 20, 2)],
    });
    const changed = lines.map((line) =>
      line.seq === 2 ? { ...line, line: line.line.replace(second(10), second(5)) } : line,
    );
    expect(prove(changed, digestOf, live).breaks).toEqual([
      "journal i-h1 of h1, line 3: it does not follow from the line before",
    ]);
    const missing = lines.filter(({ seq }) => seq !== 2);
    expect(prove(missing, digestOf, live).breaks).toEqual([
      "journal i-h1 of h1, line 3: line 2 is missing",
    ]);
  });

  it("closes what a dead gate left open when its incarnation was over", () => {
    const lines = written({ h1: [entry("open", 0, 1)] });
    const endedMs = Date.parse(second(30));
    expect(prove(lines, digestOf, () => ({ live: false, endedMs })).intervals).toMatchObject([
      { known: "gate ended", closedMs: endedMs },
    ]);
  });

  it("offers what a killed gate wrote to the next one, without its torn last line", () => {
    written({ h1: [entry("open", 0, 1), entry("close", 10, 1)] });
    const path = join(folder, "h1.i-h1.jsonl");
    writeFileSync(path, `${readFileSync(path, "utf8")}{"kind":"open","at":`);
    const next = openJournal(folder, "i-next", "h1");
    const lines = next.pending(100);
    expect(lines.map(({ incarnation, seq }) => [incarnation, seq])).toEqual([
      ["i-h1", 1],
      ["i-h1", 2],
    ]);
    expect(prove(lines, digestOf, live).breaks).toEqual([]);
    next.stored(lines);
    expect(readdirSync(folder)).toEqual([]);
  });
});
