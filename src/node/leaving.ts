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
  /** Turns that take longer are left to the next owner of their partition, in milliseconds since the beginning. */
  readonly turnsMsMax: number;
}

/**
 * So long the turns go on here as before. A host that takes partitions is busy: an account that came to it meanwhile
 * would be away for twice as long.
 */
const accountsAheadMsMax = 1000;

/**
 * Ends a node's work: its accounts go first, then its turns are finished, beside the accounts where these take longer.
 * Resolves when the accounts are gone, and the turns are done or have had their time. Rejects with the fault of either.
 * The incarnation goes on: a beat that finds it over has the gate end this process, in the middle of its turns.
 */
export async function leave({ host, finishTurns, clock, turnsMsMax }: Leaving): Promise<void> {
  const gone = host.stop({ goesOn: true });
  const tried = gone.catch(() => undefined);
  const ahead = within(clock, accountsAheadMsMax, tried, () => undefined);
  const turns = within(clock, turnsMsMax, ahead.then(finishTurns), () => undefined);
  const ends = await Promise.allSettled([gone, turns]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
