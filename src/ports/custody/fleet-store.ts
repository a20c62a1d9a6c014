/** What each host of a fleet promises the others, in milliseconds; the variables of these names say more. */
export interface FleetTimes {
  readonly suspectMs: number;
  readonly holdMs: number;
  readonly takeMs: number;
  readonly answerMs: number;
}

/** Which fleet a database belongs to. */
export interface FleetRecord {
  /** Random. */
  readonly id: string;
  readonly times: FleetTimes;
  /** An operator said that every other place of this fleet is stopped: its id may be written where it is not known. */
  readonly adopting: boolean;
}

/** An incarnation that is LIVE, with the number of its beats. */
export interface LiveIncarnation {
  readonly incarnation: string;
  readonly host: string;
  readonly beats: number;
}

/**
 * The identity of the fleet, as Postgres keeps it. Hides the SQL. Throws DATABASE_UNAVAILABLE (retryable, unknown
 * outcome) when Postgres does not answer.
 */
export interface FleetStore {
  /** null: no host with an identity has started over this database. */
  read(): Promise<FleetRecord | null>;
  /** Records the fleet unless it is recorded; answers what stands. */
  found(of: Pick<FleetRecord, "id" | "times">): Promise<FleetRecord>;
  /**
   * Records the fleet anew. For an hour, or until `settled`, its id may be written into a NATS that does not know it.
   */
  adopt(of: Pick<FleetRecord, "id" | "times">): Promise<void>;
  /** The id stands in NATS. */
  settled(): Promise<void>;
  changeTimes(times: FleetTimes): Promise<void>;
  /** True while an account has a key at Telegram that a second fleet could use too. */
  hasKeys(): Promise<boolean>;
  /** True if one of these incarnations was registered here. */
  knowsAny(incarnations: readonly string[]): Promise<boolean>;
  live(): Promise<readonly LiveIncarnation[]>;
}
