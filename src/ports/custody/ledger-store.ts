/** A line of a gate's journal, as it stands there and in the ledger of the fleet. */
export interface LedgerLine {
  readonly incarnation: string;
  readonly host: string;
  /** From 1, without a gap. */
  readonly seq: number;
  readonly line: string;
}

/** How far a journal had come when its gate was asked. */
export interface LedgerHead {
  readonly incarnation: string;
  readonly host: string;
  /** Of its last line; 0 before the first. */
  readonly seq: number;
  /** The sha256 of that line in hex. */
  readonly digest: string;
  /** ISO 8601: the ledger holds all that the gate wrote until then; null while more is on its way. */
  readonly asOf: string | null;
  /** Its gate is gone, and the ledger has all that it wrote. */
  readonly ended: boolean;
  /** The incarnation whose gate signed this head: its own, or a later one of that host. */
  readonly signedBy?: string | null;
  /** null, or absent: written by a version that signed nothing. */
  readonly signature?: string | null;
}

/** Lines of journals, and how far each of these journals had come. */
export interface LedgerPart {
  readonly lines: readonly LedgerLine[];
  readonly heads: readonly LedgerHead[];
}

/** An incarnation's end, as Postgres knows it. */
export interface KnownEnd {
  readonly live: boolean;
  readonly endedMs: number | null;
  readonly host: string;
}

/** The fleet's ledger of connections: append-only. Hides SQL. Throws DATABASE_UNAVAILABLE. */
export interface LedgerStore {
  /**
   * Appends the missing lines and leaves stored lines as they are. Moves the heads on, never back.
   */
  append(lines: readonly LedgerLine[], heads: readonly LedgerHead[]): Promise<void>;
  /** The whole journals, with their heads, of gates that live or had a line stored since then. */
  read(sinceMs: number): Promise<LedgerPart>;
  /** The known ends of these incarnations. */
  ends(incarnations: readonly string[]): Promise<ReadonlyMap<string, KnownEnd>>;
}
