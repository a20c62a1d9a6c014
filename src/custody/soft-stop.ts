import type { Clock } from "../concurrency/clock.ts";

export interface SoftStopOptions {
  /** The time left of the lease, in milliseconds. */
  leftMs(): number;
  readonly timings: {
    readonly holdMs: number;
    readonly softStopMs: number;
    readonly retryMs: number;
  };
  readonly clock: Clock;
  /** Whether calls may begin, each time that it changes. */
  onChange(mayCall: boolean): void;
}

/**
 * Watches a lease that is not renewed. After T_soft_stop no call begins any more, so that nothing
 * is under way when everything is cut at T_hold. A renewal in between lets calls begin again.
 * Returns a function that ends the watch.
 */
export function watchSoftStop({ leftMs, timings, clock, onChange }: SoftStopOptions): () => void {
  const slackMs = timings.holdMs - timings.softStopMs;
  let mayCall = true;
  let cancel = () => {};
  const look = (): void => {
    const untilStopMs = leftMs() - slackMs;
    if (untilStopMs > 0 !== mayCall) {
      mayCall = untilStopMs > 0;
      onChange(mayCall);
    }
    // A renewal moves the moment on: it is looked at again when it would have come.
    cancel = clock.schedule(mayCall ? Math.ceil(untilStopMs) : timings.retryMs, look);
  };
  look();
  return () => cancel();
}
