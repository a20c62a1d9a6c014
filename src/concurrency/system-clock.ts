import type { Clock } from "./clock.ts";

/**
 * The machine's own time. Node would fire a delay beyond 24.8 days at once, so delays are cut to
 * that.
 */
export function createSystemClock(): Clock {
  const delayMsMax = 2 ** 31 - 1;
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    schedule(delayMs, task) {
      const timer = setTimeout(task, Math.min(delayMs, delayMsMax));
      return () => clearTimeout(timer);
    },
  };
}
