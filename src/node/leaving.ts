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
 * Most turns are finished by then. An account that went meanwhile would come to a host that is just taking partitions,
 * and would be away for longer.
 */
const turnsAheadMsMax = 500;

/**
 * Ends a node's work. Its accounts wait for quick turns alone: no handler that takes long holds an account up.
 * Resolves when the accounts are gone, and the turns are done or have had their time. Rejects with the fault of either.
 * The incarnation goes on: a beat that finds it over has the gate end this process, in the middle of its turns.
 */
export async function leave({ host, finishTurns, clock, turnsMsMax }: Leaving): Promise<void> {
  const finished = finishTurns();
  const turns = within(clock, turnsMsMax, finished, () => undefined);
  const isOver = finished.catch(() => undefined);
  await within<unknown>(clock, turnsAheadMsMax, isOver, () => undefined);
  const ends = await Promise.allSettled([host.stop({ goesOn: true }), turns]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
