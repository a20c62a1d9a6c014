/** One turn, for what it has done outside. */
export interface TurnKey {
  readonly channel: string;
  readonly account: string;
  readonly inboundId: string;
}

/** What a turn's calls to the outside came to, so that the turn does not repeat them when it is taken again. */
export interface StepStore {
  /** JSON; undefined: that call has not been made, or not to its end. */
  find(turn: TurnKey, name: string): Promise<unknown>;
  /** Answers what is kept: an earlier outcome stays. */
  keep(turn: TurnKey, name: string, result: unknown): Promise<unknown>;
  /** Those of turns that nobody takes or replays any more. */
  clear(olderThanMs: number): Promise<void>;
}
