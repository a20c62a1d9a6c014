/** What a fault should meet in some runs: all of these change what the fleet does. */
const rareEvents = ["renewal", "takeover", "escalation", "retention", "forget"] as const;
type RareEvent = (typeof rareEvents)[number];

/** How often each fault came, and in how many of these times it met each event; plain data, to be added up. */
export type Coverage = Readonly<Record<string, Readonly<Record<string, number>>>>;

interface Span {
  readonly what: string;
  readonly fromMs: number;
  untilMs: number | null;
}

/** Writes down when faults and events begin and end. */
export interface CoverageBook {
  /** Answers what ends it. */
  begins(event: RareEvent): () => void;
  fault(kind: string): () => void;
  /** An account has lost its host; until `serves` it is on its way. */
  moves(account: string): void;
  serves(account: string): void;
  /** The same of a session that goes to a person. */
  escalates(session: string): void;
  isBack(session: string): void;
  renews(fromMs: number, untilMs: number | null): void;
  readonly found: Coverage;
}

/** What a fault has done to the fleet shows for so long after it. */
const aftermathMs = 1_000;

export function createCoverageBook(nowMs: () => number): CoverageBook {
  const faults: Span[] = [];
  const events: Span[] = [];

  function begins(among: Span[], what: string): () => void {
    const span: Span = { what, fromMs: nowMs(), untilMs: null };
    among.push(span);
    return () => (span.untilMs ??= nowMs());
  }

  const open = new Map<string, () => void>();

  function starts(what: RareEvent, whose: string): void {
    const key = `${what} ${whose}`;
    if (!open.has(key)) open.set(key, begins(events, what));
  }

  function ends(what: RareEvent, whose: string): void {
    open.get(`${what} ${whose}`)?.();
    open.delete(`${what} ${whose}`);
  }

  const meets = (fault: Span, event: Span): boolean =>
    (event.untilMs ?? nowMs()) >= fault.fromMs &&
    event.fromMs <= (fault.untilMs ?? nowMs()) + aftermathMs;

  return {
    begins: (event) => begins(events, event),
    fault: (kind) => begins(faults, kind),
    moves: (account) => starts("takeover", account),
    serves: (account) => ends("takeover", account),
    escalates: (session) => starts("escalation", session),
    isBack: (session) => ends("escalation", session),
    renews: (fromMs, untilMs) => void events.push({ what: "renewal", fromMs, untilMs }),
    get found() {
      const found: Record<string, Record<string, number>> = {};
      for (const fault of faults) {
        const met = new Set(events.filter((event) => meets(fault, event)).map(({ what }) => what));
        const row = (found[fault.what] ??= { times: 0 });
        for (const what of ["times", ...met]) row[what] = (row[what] ?? 0) + 1;
      }
      return found;
    },
  };
}

export function addCoverage(a: Coverage, b: Coverage): Coverage {
  const sum: Record<string, Record<string, number>> = {};
  for (const one of [a, b]) {
    for (const [kind, row] of Object.entries(one)) {
      const into = (sum[kind] ??= {});
      for (const [what, n] of Object.entries(row)) into[what] = (into[what] ?? 0) + n;
    }
  }
  return sum;
}

/** A table for a person: a line for each fault, a column for each event. */
export function coverageTable(coverage: Coverage): string {
  const columns = ["times", ...rareEvents];
  const kinds = Object.keys(coverage).toSorted();
  const width = Math.max("fault".length, ...kinds.map((kind) => kind.length));
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(width), ...cells.map((cell, n) => cell.padStart(columns[n]!.length))].join("  ");
  return [
    line("fault", columns),
    ...kinds.map((kind) =>
      line(
        kind,
        columns.map((what) => String(coverage[kind]?.[what] ?? 0)),
      ),
    ),
  ].join("\n");
}
