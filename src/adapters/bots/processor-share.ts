import { getPriority, setPriority } from "node:os";
import type { Clock } from "../../concurrency/clock.ts";

/** What a bot's process gets of a busy machine's processor. */
export interface ProcessorShare {
  /** Behind the node, its beats and its database: the process gets what these leave. */
  giveWay(): void;
  /** The process has ended: its number may become another's. */
  ended(): void;
}

export interface ProcessorShareOptions {
  readonly clock: Pick<Clock, "schedule">;
  /** From its start. */
  readonly givesWay: boolean;
}

const niceness = 10;
const nicenessMax = 19;
/** One that lived and answered for so long has earned its share again. */
const steadyMs = 30_000;

/**
 * A bot that answers stands beside the node: behind it, its users would wait twice as long on a busy machine. Only one
 * in trouble gives way. It stands beside the node again once it is steady, where the system allows that: on Linux, to
 * root and to CAP_SYS_NICE.
 */
export function createProcessorShare(
  pid: number | undefined,
  { clock, givesWay }: ProcessorShareOptions,
): ProcessorShare {
  let cancelReturn = (): void => {};

  function stand(behindBy: number): void {
    try {
      if (pid !== undefined) setPriority(pid, Math.min(getPriority() + behindBy, nicenessMax));
    } catch {
      // It has ended already, it may not return, or this system knows no such order.
    }
  }

  function giveWay(): void {
    stand(niceness);
    cancelReturn();
    cancelReturn = clock.schedule(steadyMs, () => stand(0));
  }
  if (givesWay) giveWay();

  return {
    giveWay,
    ended: () => cancelReturn(),
  };
}
