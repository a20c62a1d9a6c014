import type { BotDeath } from "./bot-runner.ts";
import type { PartitionClaim } from "./conversation-store.ts";
import type { TurnKey } from "./step-store.ts";

/** A turn that was under way in a process of a bot when that ended. */
export interface Suspect extends TurnKey {
  /** The newest end of a process. */
  readonly code: BotDeath;
  readonly reason: string;
}

/**
 * How often a turn has ended the process that it ran in. It outlives the node and the host: the next owner of the
 * partition goes on counting. Hides SQL. Errors: DATABASE_UNAVAILABLE, DATABASE_REFUSES.
 */
export interface SuspectStore {
  /** The suspects among the turns of that partition, and forgets those of a month ago. */
  read(partition: number): Promise<readonly TurnKey[]>;
  /** One end more. Answers how many there were; those that are told in the same moment are one statement. */
  count(suspect: Suspect, claim: PartitionClaim): Promise<number | "stale-owner">;
  /** The turn is over. */
  forget(turn: TurnKey): Promise<void>;
}
