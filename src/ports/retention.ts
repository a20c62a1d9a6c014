/** Kinds of rows that are kept for a time, in the order in which they go. */
export const keptNames = [
  "replies",
  "turns",
  "sessions",
  "parked",
  "events",
  "keys",
  "ids",
] as const;

export type KeptName = (typeof keptNames)[number];

/** How long each kind is kept, in milliseconds; infinity: for ever. */
export type RetentionPolicy = Readonly<Record<KeptName, number>>;

/** Rows of one table that are too old. */
export interface Removed {
  /** The table, or the month of turns. */
  readonly table: string;
  readonly rows: number;
  /** As text, or on disk for a whole month. */
  readonly bytes: number;
}

/** What of the fleet's database is too old. Hides SQL. Each call stands for itself: it may be cut off and repeated. */
export interface RetentionStore {
  /** The tables whose rows go, each with the age of its oldest row in milliseconds; null: it has none. */
  oldest(
    nowMs: number,
  ): Promise<readonly { readonly table: string; readonly ageMs: number | null }[]>;
  /** What is too old, and changes nothing. */
  count(policy: RetentionPolicy, nowMs: number): Promise<readonly Removed[]>;
  /** Names of the parts of the work, in their order. */
  readonly parts: readonly string[];
  /** Removes a batch of one part. No rows: nothing of it is too old, or another transaction has it in hand. */
  remove(part: string, policy: RetentionPolicy, nowMs: number): Promise<Removed>;
  /** Makes the months that turns will stand in, for a while ahead. Answers how many it made. */
  makeMonths(): Promise<number>;
  /**
   * Takes the right to remove, for `leaseMs`, or prolongs it. False: another has it, or it is not due yet.
   * @param isDue false: at once, whatever the last run said
   */
  take(
    runner: string,
    how: { readonly nowMs: number; readonly leaseMs: number; readonly isDue: boolean },
  ): Promise<boolean>;
  /** Gives the right back. The next run is due at `nextMs`, milliseconds since 1970. */
  giveBack(runner: string, nextMs: number): Promise<void>;
}
