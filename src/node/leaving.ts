import type { Clock } from "../concurrency/clock.ts";
import { within } from "../concurrency/wait.ts";

export interface Leaving {
  /** Hands every account over and gives the tokens back. */
  handOver(): Promise<void>;
  /** Finishes the turns that were begun. */
  finishTurns(): Promise<void>;
  readonly clock: Pick<Clock, "schedule">;
  /** Turns that take longer are left to the next owner of their partition, in milliseconds. */
  readonly turnsMsMax: number;
}

/**
 * Ends a node's work: accounts are handed over while turns are finished, so that no handler holds an account up.
 * Resolves when the accounts are gone, and the turns are done or have had their time. Rejects with the fault of either.
 */
export async function leave({ handOver, finishTurns, clock, turnsMsMax }: Leaving): Promise<void> {
  const turns = within(clock, turnsMsMax, finishTurns(), () => undefined);
  const ends = await Promise.allSettled([handOver(), turns]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
