/** One line of a gate's journal. Times are ISO 8601 by the gate's wall clock. */
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

/** A line as it stands in a journal and in the ledger. */
export interface JournalLine {
  readonly incarnation: string;
  readonly host: string;
  /** From 1, without a gap. */
  readonly seq: number;
  readonly line: string;
}

/** A stay of one connection, as one gate's journal tells it. Milliseconds since 1970. */
export interface CustodyInterval {
  readonly account: string;
  readonly slot: number;
  readonly epoch: number;
  readonly host: string;
  readonly incarnation: string;
  readonly openedMs: number;
  /** null: the journal ends before it. */
  readonly closedMs: number | null;
  /** How the end is known. */
  readonly known: "closed" | "still open" | "gate ended";
}

export interface Proof {
  readonly intervals: readonly CustodyInterval[];
  /** Lines that do not follow from the one before: lost, added or changed. */
  readonly breaks: readonly string[];
  /** Pairs of connections with one authorisation that were open at once. */
  readonly overlaps: readonly (readonly [CustodyInterval, CustodyInterval])[];
}

interface Written extends JournalEntry {
  readonly previous: string;
}

/**
 * Follows the chain of every journal and pairs its opens with its closes. `digest` is the sha256 of a text in hex;
 * `isLive` tells whether an incarnation may still write; `endedMs` when one that may not was over, null if unknown.
 */
export function prove(
  lines: readonly JournalLine[],
  digest: (text: string) => string,
  endOf: (incarnation: string) => { readonly live: boolean; readonly endedMs: number | null },
): Proof {
  const intervals: CustodyInterval[] = [];
  const breaks: string[] = [];
  const journals = new Map<string, JournalLine[]>();
  for (const line of lines) {
    journals.set(line.incarnation, [...(journals.get(line.incarnation) ?? []), line]);
  }
  for (const [incarnation, unsorted] of journals) {
    const journal = unsorted.toSorted((a, b) => a.seq - b.seq);
    breaks.push(...breaksIn(journal, digest));
    intervals.push(...intervalsIn(journal, endOf(incarnation)));
  }
  const sorted = intervals.toSorted((a, b) => a.openedMs - b.openedMs);
  return { intervals: sorted, breaks, overlaps: overlapsIn(sorted) };
}

function breaksIn(journal: readonly JournalLine[], digest: (text: string) => string): string[] {
  let previous: JournalLine | null = null;
  const breaks: string[] = [];
  for (const line of journal) {
    const expected = previous === null ? "" : digest(previous.line);
    const seqExpected: number = previous === null ? 1 : previous.seq + 1;
    const where = `journal ${line.incarnation} of ${line.host}, line ${line.seq}`;
    if (line.seq !== seqExpected) breaks.push(`${where}: line ${seqExpected} is missing`);
    else if ((JSON.parse(line.line) as Written).previous !== expected) {
      breaks.push(`${where}: it does not follow from the line before`);
    }
    previous = line;
  }
  return breaks;
}

function intervalsIn(
  journal: readonly JournalLine[],
  end: { readonly live: boolean; readonly endedMs: number | null },
): CustodyInterval[] {
  const open = new Map<string, CustodyInterval>();
  const done: CustodyInterval[] = [];
  for (const { line, host, incarnation } of journal) {
    const { kind, at, account, slot, epoch, localPort } = JSON.parse(line) as Written;
    const key = JSON.stringify([account, slot, epoch, localPort]);
    const atMs = Date.parse(at);
    if (kind === "open") {
      const known = end.live ? "still open" : "gate ended";
      const closedMs = end.live ? null : end.endedMs;
      open.set(key, { account, slot, epoch, host, incarnation, openedMs: atMs, closedMs, known });
      continue;
    }
    const opened = open.get(key);
    if (opened === undefined) continue;
    open.delete(key);
    done.push({ ...opened, closedMs: atMs, known: "closed" });
  }
  return [...done, ...open.values()];
}

/** Of each authorisation, an interval that begins before an earlier one has ended. */
function overlapsIn(sorted: readonly CustodyInterval[]): [CustodyInterval, CustodyInterval][] {
  const latest = new Map<string, CustodyInterval>();
  const overlaps: [CustodyInterval, CustodyInterval][] = [];
  for (const interval of sorted) {
    const key = JSON.stringify([interval.account, interval.slot]);
    const before = latest.get(key);
    if (before !== undefined && (before.closedMs ?? Infinity) > interval.openedMs) {
      overlaps.push([before, interval]);
    }
    const isLater = (interval.closedMs ?? Infinity) >= (before?.closedMs ?? -Infinity);
    if (before === undefined || before.closedMs !== null || isLater) latest.set(key, interval);
  }
  return overlaps;
}
