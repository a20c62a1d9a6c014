import type { Positions, StreamState } from "./stream-state.ts";

/** A partition's stream as the fleet knew it last. */
export interface KnownStream extends StreamState {
  /** Empty for a stream that the fleet has not seen yet. */
  readonly created: string;
}

/** What a stream has forgotten. */
export interface StreamLoss {
  readonly partition: number;
  /** The last position that was acknowledged. */
  readonly knownSeq: number;
  /** The last position that is there, 0 in a stream that was made anew. */
  readonly foundSeq: number;
  /** Messages at most that were lost without a turn. */
  readonly messagesMax: number;
}

/** The fleet's memory of its streams, in the store that fails apart from them. */
export interface StreamLossStore {
  /** The number of losses, and the streams with every position that was acknowledged. Read it before the streams. */
  known(): Promise<{ readonly losses: number; readonly streams: readonly KnownStream[] }>;
  /**
   * Writes down how the streams were found, and what they have lost since `losses` was read. Writes nothing if
   * another host has counted a loss meanwhile. Answers the number of losses then.
   */
  note(
    losses: number,
    found: readonly StreamState[],
    lost: readonly StreamLoss[],
  ): Promise<{ readonly losses: number; readonly isWritten: boolean }>;
  /**
   * Marks, for the accounts of a holder, the newest cursor before which everything has had its turn. `settled`: up to
   * where each stream has.
   */
  mark(incarnation: string, losses: number, settled: Positions): Promise<void>;
}

/** How often the streams have lost something, as this node last heard. */
export interface StreamLosses {
  readonly count: number;
  /** The returned function ends the listening. */
  onLoss(listener: () => void): () => void;
}
