import type { PartitionClaim } from "./conversation-store.ts";

/** One turn, as the key of its outside calls. */
export interface TurnKey {
  readonly channel: string;
  readonly account: string;
  readonly inboundId: string;
}

/**
 * The outcomes of a turn's outside calls, so that a repeated turn does not repeat them. Hides SQL. Under an owner's
 * `claim` both reject with STEP_REFUSED where another owner has the partition by now. They do so, too, where the turn
 * took effect already or its user was forgotten: the outcome would be thrown away, and an earlier one may be gone.
 */
export interface StepStore {
  /** JSON; undefined: that call has not been made, or not to its end. */
  find(turn: TurnKey, name: string, claim?: PartitionClaim): Promise<unknown>;
  /** Answers the kept result: an earlier outcome stays. */
  keep(turn: TurnKey, name: string, result: unknown, claim?: PartitionClaim): Promise<unknown>;
  /**
   * Whether the turn may be taken again after a run in that session. It may not where it took effect, nor where the
   * session was erased, as its user was forgotten. Then the message counts as taken, and its outcomes are gone.
   */
  mayRepeat(turn: TurnKey, sessionId: string, claim: PartitionClaim): Promise<boolean>;
  /** Removes outcomes older than that, but for those of turns that are set aside and may be replayed. */
  clear(olderThanMs: number): Promise<void>;
}
