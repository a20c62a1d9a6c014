/** Kinds of leftovers, in the order in which a report tells them. */
export const sweptKinds = [
  "locks",
  "processes",
  "sockets",
  "temporary",
  "logs",
  "cache",
  "sessions",
] as const;

export type SweptKind = (typeof sweptKinds)[number];

/** What a sweep takes away, or has taken away. */
export interface Swept {
  readonly kind: SweptKind;
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
}

/** What a sweep leaves, and why. */
export interface Preserved {
  readonly name: string;
  readonly why: string;
}

export interface SweepPart {
  readonly swept: readonly Swept[];
  readonly preserved: readonly Preserved[];
}

/** How often the chats of an account were looked at by the program before this one. */
const fetchIntervalMs = 240_000;

/** Ages in milliseconds from which on something may go, provided that it is certain to be of no use. */
export const sweepAges = {
  /** Locks, process files, sockets and temporary files of dead owners. */
  ownerMs: 5 * 60_000,
  /** Results that a finished record covers: twice the fetch interval. */
  coveredMs: 2 * fetchIntervalMs,
  /** Logs that were put aside. */
  logMs: 7 * 24 * 3600_000,
} as const;

export interface SweepHow {
  /** Counts, and changes nothing. */
  readonly dryRun: boolean;
  /** Leaves results that a finished record covers. */
  readonly keepCache: boolean;
}

/** An incarnation of a host, and what it holds. */
export interface HeldTokens {
  readonly incarnation: string;
  readonly host: string;
  readonly tokens: number;
}

/** What of the fleet's database may go, and what holds a host back from going. Hides SQL. */
export interface FleetHygiene {
  /**
   * Removes what a finished record covers, and expires sessions that have rested for too long: they stay as history.
   * Each statement stands for itself, so that it can be cut off and repeated. null: the database is no fleet's. Throws
   * only before it has removed anything.
   */
  sweep(how: SweepHow): Promise<SweepPart | null>;
  /** The incarnation whose gate is this process, with the tokens that are not free. null: none is known. */
  heldBy(gate: { readonly pid: number; readonly startTime: string }): Promise<HeldTokens | null>;
  /** Accounts of the incarnation that are being renewed just now. */
  renewing(incarnation: string): Promise<readonly string[]>;
  /** How many accounts are in each state. */
  accountStates(): Promise<Readonly<Record<string, number>>>;
}
