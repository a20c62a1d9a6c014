/** One turn, as the key of its outside calls. */
export interface TurnKey {
  readonly channel: string;
  readonly account: string;
  readonly inboundId: string;
}

/** The outcomes of a turn's outside calls, so that a repeated turn does not repeat them. */
export interface StepStore {
  /** JSON; undefined: that call has not been made, or not to its end. */
  find(turn: TurnKey, name: string): Promise<unknown>;
  /** Answers the kept result: an earlier outcome stays. */
  keep(turn: TurnKey, name: string, result: unknown): Promise<unknown>;
  /** Removes the outcomes of turns that will never be taken or replayed again. */
  clear(olderThanMs: number): Promise<void>;
}
