import type { Clock } from "../concurrency/clock.ts";
import { within } from "../concurrency/wait.ts";

export interface Leaving {
  readonly host: {
    /** Hands every account over and gives the tokens back. Unless it `goesOn`, this incarnation is over then. */
    stop(how: { readonly goesOn: boolean }): Promise<void>;
  };
  /** Finishes the turns that were begun. */
  finishTurns(): Promise<void>;
  readonly clock: Pick<Clock, "schedule">;
  /** Turns that take longer are left to the next owner of their partition, in milliseconds. */
  readonly turnsMsMax: number;
}

/**
 * Ends a node's work: accounts are handed over while turns are finished, so that no handler holds an account up.
 * Resolves when the accounts are gone, and the turns are done or have had their time. Rejects with the fault of either.
 * The incarnation goes on: a beat that finds it over has the gate end this process, in the middle of its turns.
 */
export async function leave({ host, finishTurns, clock, turnsMsMax }: Leaving): Promise<void> {
  const turns = within(clock, turnsMsMax, finishTurns(), () => undefined);
  const ends = await Promise.allSettled([host.stop({ goesOn: true }), turns]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
