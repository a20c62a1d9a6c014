import type { Clock } from "./clock.ts";

/** One timer for many reasons to look again. */
export interface Alarm {
  /** Rings within `delayMs`; an earlier ring that is due already will do. */
  within(delayMs: number): void;
  /** Does not ring any more, until it is asked again. */
  off(): void;
}

export function createAlarm(
  clock: Pick<Clock, "monotonicMs" | "schedule">,
  ring: () => void,
): Alarm {
  let atMs = Number.POSITIVE_INFINITY;
  let cancel = () => {};

  function off(): void {
    cancel();
    atMs = Number.POSITIVE_INFINITY;
  }

  return {
    off,
    within(delayMs) {
      const dueMs = clock.monotonicMs() + delayMs;
      if (dueMs >= atMs) return;
      cancel();
      atMs = dueMs;
      cancel = clock.schedule(delayMs, () => {
        atMs = Number.POSITIVE_INFINITY;
        ring();
      });
    },
  };
}
