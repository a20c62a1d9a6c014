import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type IncarnationEnd, type JournalEntry, prove } from "../../src/custody/ledger-proof.ts";
import { digestOf, openJournal } from "../../src/gate/journal.ts";
import type { Signer } from "../../src/ports/custody/signatures.ts";
import {
  createSimSignatures,
  type SimSignatures,
} from "../../src/proof/simulation/sim-signatures.ts";
import { headText } from "../../src/custody/signed-statements.ts";
import type { LedgerLine, LedgerPart } from "../../src/ports/custody/ledger-store.ts";

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
const live = (incarnation = "i-h1"): IncarnationEnd => ({
  live: true,
  endedMs: null,
  host: incarnation === "i-next" ? "h1" : incarnation.slice("i-".length),
});

describe("the proof of custody", () => {
  let folder: string;
  let signatures: SimSignatures;
  let signers: Map<string, Signer>;
  const signerOf = (incarnation: string): Signer => {
    const signer = signers.get(incarnation) ?? signatures.signerOf(incarnation);
    signers.set(incarnation, signer);
    return signer;
  };
  beforeEach(() => {
    signatures = createSimSignatures();
    signers = new Map();
    folder = mkdtempSync(join(tmpdir(), "holdfast-journal-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const at = (n: number) => () => Date.parse(second(n));

  /** What gates on some hosts have written, as it is shipped; their heads are as of the given second. */
  function written(of: Readonly<Record<string, readonly JournalEntry[]>>, asOf = 60): LedgerPart {
    const shipments = Object.entries(of).map(([host, entries]) => {
      const journal = openJournal(folder, signerOf(`i-${host}`), host, at(asOf));
      for (const one of entries) journal.write(one);
      journal.close();
      return journal.pending();
    });
    return {
      lines: shipments.flatMap(({ lines }) => lines),
      heads: shipments.flatMap(({ heads }) => heads),
    };
  }
  const proofOf = (
    { lines, heads }: LedgerPart,
    endOf: (incarnation: string) => IncarnationEnd = live,
  ) => prove(lines, heads, digestOf, endOf, signatures);

  it("shows who held what, from when to when, and finds nothing wrong with a handover", () => {
    const shipment = written({
      h1: [entry("open", 0, 1), entry("close", 10, 1)],
      h2: [entry("open", 11, 2)],
    });
    const { intervals, breaks, overlaps, undecided } = proofOf(shipment);
    expect(intervals).toMatchObject([
      { host: "h1", epoch: 1, known: "closed" },
      { host: "h2", epoch: 2, known: "still open", closedMs: null },
    ]);
    expect([breaks, overlaps, undecided]).toEqual([[], [], []]);
  });

  it("finds two connections of one authorisation that were open at once", () => {
    const shipment = written({
      h1: [entry("open", 0, 1), entry("close", 12, 1)],
      h2: [entry("open", 11, 2), entry("close", 20, 2)],
    });
    expect(proofOf(shipment).overlaps).toMatchObject([[{ host: "h1" }, { host: "h2" }]]);
  });

  describe("of a gate that slept", () => {
    const asleepSince = second(15);
    const shipmentWith = (opened: number, closed: JournalEntry) =>
      written({ h1: [entry("open", 0, 1), closed], h2: [entry("open", opened, 2)] });

    it("does not say that two were open at once when the second was opened in its sleep", () => {
      const shipment = shipmentWith(20, { ...entry("close", 30, 1), asleepSince });
      const { intervals, overlaps, asleep, undecided } = proofOf(shipment);
      expect(intervals[0]).toMatchObject({
        known: "closed asleep",
        knownToMs: at(15)(),
        closedMs: at(30)(),
      });
      expect([overlaps, undecided]).toEqual([[], []]);
      expect(asleep).toMatchObject([[{ host: "h1" }, { host: "h2" }]]);
    });

    it("finds the overlap with what was opened before it fell asleep", () => {
      const shipment = shipmentWith(14, { ...entry("close", 30, 1), asleepSince });
      expect(proofOf(shipment)).toMatchObject({ overlaps: [[{}, {}]], asleep: [] });
    });

    it("finds nothing wrong with what was opened after it woke", () => {
      const shipment = shipmentWith(31, { ...entry("close", 30, 1), asleepSince });
      expect(proofOf(shipment)).toMatchObject({ overlaps: [], asleep: [], undecided: [] });
    });

    it("finds the overlap of one that was awake and held on past the end of its incarnation", () => {
      const shipment = shipmentWith(20, entry("close", 30, 1));
      const over = (incarnation: string) =>
        incarnation === "i-h1" ? { live: false, endedMs: at(16)() } : live();
      expect(proofOf(shipment, over)).toMatchObject({ overlaps: [[{}, {}]], asleep: [] });
    });

    it("takes no account of a sleep before the connection", () => {
      const shipment = written({
        h1: [entry("open", 16, 1), { ...entry("close", 30, 1), asleepSince }],
        h2: [entry("open", 20, 2)],
      });
      expect(proofOf(shipment)).toMatchObject({ overlaps: [[{}, {}]], asleep: [] });
    });
  });

  it("judges a connection without an end by what its host has told since", () => {
    const of = { h1: [entry("open", 0, 1)], h2: [entry("open", 11, 2)] };
    expect(proofOf(written(of, 12))).toMatchObject({ overlaps: [[{}, {}]], undecided: [] });
  });

  it("decides nothing before the host has told", () => {
    const of = { h1: [entry("open", 0, 1)], h2: [entry("open", 11, 2)] };
    expect(proofOf(written(of, 10))).toMatchObject({
      overlaps: [],
      undecided: [[{ host: "h1", knownToMs: at(10)() }, { host: "h2" }]],
    });
  });

  it("finds a line that was changed, one that is missing, and a missing end", () => {
    const { lines, heads } = written({
      h1: [entry("open", 0, 1), entry("close", 10, 1), entry("open", 20, 2)],
    });
    const changed = lines.map((line) =>
      line.seq === 2 ? { ...line, line: line.line.replace(second(10), second(5)) } : line,
    );
    expect(proofOf({ lines: changed, heads }).breaks).toEqual([
      "journal i-h1 of h1, line 3: it does not follow from the line before",
    ]);
    const missing = lines.filter(({ seq }) => seq !== 2);
    expect(proofOf({ lines: missing, heads }).breaks).toEqual([
      "journal i-h1 of h1, line 3: line 2 is missing",
    ]);
    const short = lines.filter(({ seq }) => seq < 3);
    expect(proofOf({ lines: short, heads }).breaks).toEqual([
      "journal i-h1 of h1, line 3: it was stored once and is not there",
    ]);
    const other = lines.map((line) =>
      line.seq === 3 ? { ...line, line: line.line.replace(second(20), second(25)) } : line,
    );
    expect(proofOf({ lines: other, heads }).breaks).toEqual([
      "journal i-h1 of h1, line 3: it is not the one that was stored",
    ]);
  });

  it("closes what a dead gate left open when its incarnation was over, once its host has told everything", () => {
    const endedMs = at(10)();
    const over = (incarnation: string) =>
      incarnation === "i-h1" ? { live: false, endedMs } : live();
    const shipment = written({ h1: [entry("open", 0, 1)], h2: [entry("open", 70, 2)] });
    const { intervals, undecided } = proofOf(shipment, over);
    expect(intervals[0]).toMatchObject({ known: "not told", closedMs: null, knownToMs: at(60)() });
    expect(undecided).toMatchObject([[{ host: "h1" }, { host: "h2" }]]);
    const next = openJournal(folder, signerOf("i-next"), "h1", at(80));
    const told = next.pending();
    next.close();
    expect(told.heads).toMatchObject([{ incarnation: "i-h1", ended: true }]);
    const heads = [...told.heads, ...shipment.heads.filter(({ host }) => host === "h2")];
    const after = proofOf({ lines: shipment.lines, heads }, over);
    expect(after.intervals[0]).toMatchObject({ known: "gate ended", closedMs: endedMs });
    expect([after.overlaps, after.asleep, after.undecided]).toEqual([[], [], []]);
  });

  describe("of a journal that the owner of the database has rewritten", () => {
    /** The second line tells another end, and chain and head follow from it. */
    function rewritten(): LedgerPart {
      const { lines, heads } = written({ h1: [entry("open", 0, 1), entry("close", 20, 1)] });
      const [first, second_] = lines;
      const line = second_!.line.replace(second(20), second(5));
      return {
        lines: [first!, { ...second_!, line }],
        heads: [{ ...heads[0]!, digest: digestOf(line) }],
      };
    }
    const broken = [
      "journal i-h1 of h1: the signature of its head is not that of a gate of that host",
    ];

    it("finds that no gate signed the new head", () => {
      expect(proofOf(rewritten()).breaks).toEqual(broken);
    });

    it("finds a head that another host's gate signed", () => {
      const { lines, heads } = rewritten();
      const signature = signerOf("i-h2").sign(headText(heads[0]!, "i-h2"));
      const signed = [{ ...heads[0]!, signedBy: "i-h2", signature }];
      expect(proofOf({ lines, heads: signed }).breaks).toEqual(broken);
    });

    it("finds that the signature was taken away", () => {
      const { lines, heads } = rewritten();
      const bare = heads.map((head) => ({ ...head, signedBy: null, signature: null }));
      const { breaks, unsigned } = proofOf({ lines, heads: bare });
      expect([breaks, unsigned]).toEqual([
        ["journal i-h1 of h1: its head is not signed, and its gate signs every head"],
        [],
      ]);
    });

    it("finds a line that was added behind the head", () => {
      const { lines, heads } = written({ h1: [entry("open", 0, 1)] });
      const previous = digestOf(lines[0]!.line);
      const line = JSON.stringify({ ...entry("close", 5, 1), previous });
      const added = [...lines, { ...lines[0]!, seq: 2, line }];
      expect(proofOf({ lines: added, heads }).breaks).toEqual([
        "journal i-h1 of h1, line 2: it stands behind the head that was signed",
      ]);
    });
  });

  it("counts a journal of a version that signed nothing as unsigned, not as broken", () => {
    const { lines, heads } = written({ h1: [entry("open", 0, 1)] });
    const older = { incarnation: "0c0ffee0-0000-4000-8000-000000000000" };
    const part = {
      lines: lines.map((line) => ({ ...line, ...older })),
      heads: heads.map(({ signedBy: _by, signature: _signature, ...head }) => ({
        ...head,
        ...older,
      })),
    };
    expect(proofOf(part)).toMatchObject({ breaks: [], unsigned: [older.incarnation] });
  });

  it("ships line by line what comes, and keeps what nobody has stored", () => {
    const journal = openJournal(folder, signerOf("i-h1"), "h1", at(60));
    journal.write(entry("open", 0, 1));
    expect(journal.pending()).toEqual(journal.pending());
    const first = journal.pending();
    expect(first.heads).toMatchObject([{ seq: 1, asOf: second(60), ended: false }]);
    journal.write(entry("close", 10, 1));
    journal.stored();
    expect(journal.pending().lines.map(({ seq }) => seq)).toEqual([2]);
    journal.stored();
    expect(journal.pending()).toMatchObject({ lines: [], heads: [{ seq: 2, asOf: second(60) }] });
    journal.close();
  });

  it("ships a long journal in parts, and says that more is on its way", () => {
    const journal = openJournal(folder, signerOf("i-h1"), "h1", at(60));
    for (let n = 1; n <= 1500; n += 1) journal.write(entry("open", 0, n));
    const lines: LedgerLine[] = [];
    const asOf: (string | null)[] = [];
    let heads: LedgerPart["heads"] = [];
    for (let parts = 0; parts < 10 && lines.length < 1500; parts += 1) {
      const part = journal.pending();
      lines.push(...part.lines);
      heads = part.heads;
      asOf.push(part.heads[0]!.asOf);
      journal.stored();
    }
    journal.close();
    expect(asOf.length).toBeGreaterThan(1);
    expect([asOf[0], asOf.at(-1)]).toEqual([null, second(60)]);
    expect(proofOf({ lines, heads }).breaks).toEqual([]);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
  });

  it("says that a killed gate's journal is told only with its last part", () => {
    written({ h1: Array.from({ length: 1500 }, (_, n) => entry("open", 0, n)) });
    const next = openJournal(folder, signerOf("i-next"), "h1", at(60));
    const ended: boolean[] = [];
    for (let parts = 0; parts < 10; parts += 1) {
      const { heads } = next.pending();
      if (heads[0]!.incarnation !== "i-h1") break;
      ended.push(heads[0]!.ended);
      next.stored();
    }
    next.close();
    expect(ended.length).toBeGreaterThan(1);
    expect(ended).toEqual([...ended.slice(1).map(() => false), true]);
  });

  it("offers what a killed gate wrote to the next one, without its torn last line", () => {
    written({ h1: [entry("open", 0, 1), entry("close", 10, 1)] });
    const path = join(folder, "h1.i-h1.jsonl");
    writeFileSync(path, `${readFileSync(path, "utf8")}{"kind":"open","at":`);
    const next = openJournal(folder, signerOf("i-next"), "h1", at(60));
    const { lines, heads } = next.pending();
    expect(lines.map(({ incarnation, seq }) => [incarnation, seq])).toEqual([
      ["i-h1", 1],
      ["i-h1", 2],
    ]);
    expect(heads).toMatchObject([{ incarnation: "i-h1", seq: 2, ended: true, asOf: null }]);
    expect(proofOf({ lines, heads }).breaks).toEqual([]);
    next.stored();
    expect(next.pending()).toMatchObject({ lines: [], heads: [{ incarnation: "i-next", seq: 0 }] });
    next.close();
    expect(readdirSync(folder)).toEqual(["h1.i-next.jsonl"]);
  });
});
