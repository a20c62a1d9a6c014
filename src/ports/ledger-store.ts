/** A line of a gate's journal, on its way to the ledger of the fleet. */
export interface LedgerLine {
  readonly incarnation: string;
  readonly host: string;
  readonly seq: number;
  readonly line: string;
}

/** The fleet's ledger of connections: append-only. Hides SQL. Throws DATABASE_UNAVAILABLE. */
export interface LedgerStore {
  /** Appends what is not there yet; a line that is there stays as it is. */
  append(lines: readonly LedgerLine[]): Promise<void>;
  /** Lines that were shipped since then, with all before them of the same journals. */
  lines(sinceMs: number): Promise<readonly LedgerLine[]>;
  /** What is known of the ends of these incarnations. */
  ends(
    incarnations: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly live: boolean; readonly endedMs: number | null }>>;
}
