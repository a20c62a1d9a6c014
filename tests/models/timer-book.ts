import type { Clock } from "../../src/ports/clock.ts";

/** The standing waits, by their length, so that a test knows when the clock may be moved. */
export interface TimerBook {
  readonly clock: Clock;
  /** How many tasks scheduled for `delayMs` have neither run nor been cancelled. */
  pending(delayMs: number): number;
}

export function createTimerBook(clock: Clock): TimerBook {
  const standing = new Map<symbol, number>();
  return {
    clock: {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      schedule(delayMs, task) {
        const id = Symbol("timer");
        standing.set(id, delayMs);
        const cancel = clock.schedule(delayMs, () => {
          standing.delete(id);
          task();
        });
        return () => {
          standing.delete(id);
          cancel();
        };
      },
    },
    pending: (delayMs) => [...standing.values()].filter((standsMs) => standsMs === delayMs).length,
  };
}
