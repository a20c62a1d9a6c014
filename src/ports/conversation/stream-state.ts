/** For each partition the last position of its stream, 0 for none; a missing one is 0. */
export type Positions = readonly number[];

/** What a cursor knows of the streams: everything before it is stored at these positions or before. */
export interface StreamPlace {
  readonly positions: Positions;
  /** The number of losses of streams that the fleet had counted when these positions were given. */
  readonly losses: number;
}

export const nowhere: Positions = [];

/** The later one of two positions, for each partition. */
export function furthest(one: Positions, other: Positions): Positions {
  const longer = one.length > other.length ? one : other;
  return longer.map((_, n) => Math.max(one[n] ?? 0, other[n] ?? 0));
}

/** A partition's stream as it is now. */
export interface StreamState {
  readonly partition: number;
  /** When it was made: another stream under the same name has another time. */
  readonly created: string;
  /** Everything up to this position has had its turn, or was set aside. */
  readonly settledSeq: number;
  /** Of its newest message. It stays when messages leave the stream. */
  readonly lastSeq: number;
}

/** The streams behind the inbound queue, as far as they can forget what they have acknowledged. Hides JetStream. */
export interface StreamStates {
  /** Makes streams that are not there, and tells how all of them are. */
  states(): Promise<readonly StreamState[]>;
  /** The positions that were acknowledged to this process. */
  acknowledged(): Positions;
  /** The streams are no longer those that acknowledged. */
  forgetAcknowledged(): void;
  /**
   * Runs `check` when the connection has come back; until it resolves, nothing new is appended. A failed check runs
   * again.
   */
  onBack(check: () => Promise<void>): void;
}
