import type { Signatures } from "../ports/custody/signatures.ts";
import { hostKey } from "./registers.ts";
import { headText } from "./signed-statements.ts";
import type { LedgerHead, LedgerLine } from "../ports/custody/ledger-store.ts";

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
  /**
   * Of a close that a gate found or made as it woke: when it had been awake before, ISO 8601. Telegram may have
   * closed it at any time since. Absent: the gate was awake, and `at` is when it closed.
   */
  readonly asleepSince?: string;
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
  /**
   * The ledger's knowledge reaches to here: the connection was open until then at least, or had
   * closed by then.
   */
  readonly knownToMs: number;
  /**
   * The source of the end. `closed asleep`: its gate slept from `knownToMs` on and was done with it
   * at `closedMs`; Telegram may have closed it in between. `not told`: its gate is over, and its
   * host has not reported the end.
   */
  readonly known: "closed" | "closed asleep" | "still open" | "gate ended" | "not told";
}

type Pair = readonly [CustodyInterval, CustodyInterval];

export interface Proof {
  readonly intervals: readonly CustodyInterval[];
  /** Lines that do not follow from the one before, or are not there: lost, added or changed. */
  readonly breaks: readonly string[];
  /**
   * Journals whose head is not signed, as earlier versions left them: the owner of the database may
   * have written it.
   */
  readonly unsigned: readonly string[];
  /** Pairs of connections with one authorisation that were open at once. */
  readonly overlaps: readonly Pair[];
  /**
   * Pairs whose second connection was opened while the first one's gate slept, by that gate's own
   * journal. No ledger can tell whether Telegram had closed the first by then. A sleeping gate
   * writes nothing, but its kernel may still carry queued bytes.
   */
  readonly asleep: readonly Pair[];
  /** Pairs of which the ledger does not know yet whether the first had closed when the second was opened. */
  readonly undecided: readonly Pair[];
}

interface Written extends JournalEntry {
  readonly previous: string;
}

/** The end of an incarnation. `endedMs`: null while it lives, or when its end was not recorded. */
export interface IncarnationEnd {
  readonly live: boolean;
  readonly endedMs: number | null;
  /** null, or absent: Postgres does not know it. */
  readonly host?: string | null;
}

/**
 * Follows the chain of every journal up to its signed head, and pairs its opens with its closes. `digest` is
 * the sha256 of a text in hex.
 */
export function prove(
  lines: readonly LedgerLine[],
  heads: readonly LedgerHead[],
  digest: (text: string) => string,
  endOf: (incarnation: string) => IncarnationEnd,
  signatures: Signatures,
): Proof {
  const journals = new Map<string, LedgerLine[]>();
  for (const line of lines) {
    const journal = journals.get(line.incarnation);
    if (journal === undefined) journals.set(line.incarnation, [line]);
    else journal.push(line);
  }
  const headBy = new Map(heads.map((head) => [head.incarnation, head]));
  const breaks = heads.flatMap((head) =>
    beforeHead(journals.get(head.incarnation) ?? [], head, digest),
  );
  const unsigned: string[] = [];
  const intervals: CustodyInterval[] = [];
  for (const [incarnation, unsorted] of journals) {
    const journal = unsorted.toSorted((a, b) => a.seq - b.seq);
    breaks.push(...breaksIn(journal, digest));
    const vouched = whoVouches(
      journal,
      headBy.get(incarnation),
      signatures,
      (id) => endOf(id).host,
    );
    if (vouched === "unsigned") unsigned.push(incarnation);
    else if (vouched !== "signed") breaks.push(vouched.broken);
    intervals.push(...intervalsIn(journal, headBy.get(incarnation) ?? null, endOf(incarnation)));
  }
  const sorted = intervals.toSorted((a, b) => a.openedMs - b.openedMs);
  return { intervals: sorted, breaks, unsigned, ...pairsIn(sorted) };
}

/** A ledger that has less than was stored once has lost its last lines. */
function beforeHead(
  journal: readonly LedgerLine[],
  { incarnation, host, seq, digest: expected }: LedgerHead,
  digest: (text: string) => string,
): string[] {
  if (seq === 0) return [];
  const where = `journal ${incarnation} of ${host}, line ${seq}`;
  const line = journal.find((one) => one.seq === seq);
  if (line === undefined) return [`${where}: it was stored once and is not there`];
  return digest(line.line) === expected ? [] : [`${where}: it is not the one that was stored`];
}

/**
 * The chain shows that no line was changed since its head was written; the head's signature shows that a gate of that
 * host wrote it, and nobody who only owns the database.
 */
function whoVouches(
  journal: readonly LedgerLine[],
  head: LedgerHead | undefined,
  signatures: Signatures,
  hostOf: (incarnation: string) => string | null | undefined,
): "signed" | "unsigned" | { readonly broken: string } {
  const last = journal.at(-1)!;
  const where = `journal ${last.incarnation} of ${last.host}`;
  const { signedBy, signature } = head ?? {};
  if (head === undefined || typeof signedBy !== "string" || typeof signature !== "string") {
    if (!signatures.isKey(last.incarnation)) return "unsigned";
    return { broken: `${where}: its head is not signed, and its gate signs every head` };
  }
  const isOfHost =
    signedBy === head.incarnation || hostKey(hostOf(signedBy) ?? "") === hostKey(head.host);
  if (!isOfHost || !signatures.verify(signedBy, headText(head, signedBy), signature)) {
    return { broken: `${where}: the signature of its head is not that of a gate of that host` };
  }
  if (last.seq > head.seq) {
    return { broken: `${where}, line ${last.seq}: it stands behind the head that was signed` };
  }
  return "signed";
}

function breaksIn(journal: readonly LedgerLine[], digest: (text: string) => string): string[] {
  let previous: LedgerLine | null = null;
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
  journal: readonly LedgerLine[],
  head: LedgerHead | null,
  end: IncarnationEnd,
): CustodyInterval[] {
  const open = new Map<string, CustodyInterval>();
  const done: CustodyInterval[] = [];
  const unclosed = endOfUnclosed(journal, head, end);
  for (const { line, host, incarnation } of journal) {
    const { kind, at, account, slot, epoch, localPort, asleepSince } = JSON.parse(line) as Written;
    const key = JSON.stringify([account, slot, epoch, localPort]);
    const atMs = Date.parse(at);
    if (kind === "open") {
      const of = { account, slot, epoch, host, incarnation };
      open.set(key, { ...of, openedMs: atMs, ...unclosed });
      continue;
    }
    const opened = open.get(key);
    if (opened === undefined) continue;
    open.delete(key);
    const sleptMs = asleepSince === undefined ? atMs : Date.parse(asleepSince);
    // One that was opened since has been awake with its gate all along.
    const slept = sleptMs < atMs && sleptMs > opened.openedMs;
    const known = slept ? "closed asleep" : "closed";
    done.push({ ...opened, closedMs: atMs, knownToMs: slept ? sleptMs : atMs, known });
  }
  return [...done, ...open.values()];
}

/** The end of a connection that a journal opens and does not close. */
function endOfUnclosed(
  journal: readonly LedgerLine[],
  head: LedgerHead | null,
  { live, endedMs }: IncarnationEnd,
): Pick<CustodyInterval, "closedMs" | "knownToMs" | "known"> {
  const lastMs = Date.parse((JSON.parse(journal.at(-1)!.line) as Written).at);
  const asOf = head?.asOf ?? null;
  const headMs = asOf === null ? lastMs : Math.max(lastMs, Date.parse(asOf));
  if (live) return { closedMs: null, knownToMs: headMs, known: "still open" };
  // Its close may be in lines still on their way.
  if (head?.ended !== true) return { closedMs: null, knownToMs: headMs, known: "not told" };
  return { closedMs: endedMs, knownToMs: endedMs ?? headMs, known: "gate ended" };
}

type Pairs = Pick<Proof, "overlaps" | "asleep" | "undecided">;

/**
 * Pairs of one authorisation's intervals: the later begins before the earlier has, or may have,
 * ended.
 */
function pairsIn(sorted: readonly CustodyInterval[]): Pairs {
  const earlier = new Map<string, CustodyInterval[]>();
  const pairs = { overlaps: [] as Pair[], asleep: [] as Pair[], undecided: [] as Pair[] };
  for (const interval of sorted) {
    const key = JSON.stringify([interval.account, interval.slot]);
    const { openedMs } = interval;
    const before = (earlier.get(key) ?? []).filter(
      ({ closedMs }) => closedMs === null || closedMs > openedMs,
    );
    for (const one of before) pairs[kindOf(one, openedMs)].push([one, interval]);
    earlier.set(key, [...before, interval]);
  }
  return pairs;
}

function kindOf({ knownToMs, known }: CustodyInterval, nextOpenedMs: number): keyof Pairs {
  if (knownToMs > nextOpenedMs) return "overlaps";
  return known === "closed asleep" ? "asleep" : "undecided";
}
