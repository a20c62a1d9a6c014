import { elapsedMs, type LeaseClocks, momentOf } from "../custody/lease-deadline.ts";
import type { Clock } from "../concurrency/clock.ts";

const lookMs = 200;
/** A look that comes so late: this process was stopped, suspended, or kept from the cores. */
const asleepMs = 1_000;
/** After so many looks in time, everything that had come meanwhile has been read and answered. */
const looksToWake = 5;

/**
 * Watches from now on whether this process runs, by the clock that moves furthest. The returned
 * function answers null while the process is awake. On waking and for a second after, it answers
 * when it was awake before: milliseconds since 1970.
 */
export function watchWakefulness(clocks: LeaseClocks, clock: Clock): () => number | null {
  let last = momentOf(clocks);
  let sinceMs: number | null = null;
  let looksLeft = 0;

  const hasSlept = () => elapsedMs(clocks, last) >= asleepMs;

  function look(): void {
    if (hasSlept()) {
      // Of two sleeps without a whole second between them, the first one counts.
      sinceMs ??= last.wallMs;
      looksLeft = looksToWake;
    } else if (looksLeft > 0) {
      looksLeft -= 1;
      if (looksLeft === 0) sinceMs = null;
    }
    last = momentOf(clocks);
    clock.schedule(lookMs, look);
  }

  clock.schedule(lookMs, look);
  return () => sinceMs ?? (hasSlept() ? last.wallMs : null);
}
