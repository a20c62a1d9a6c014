import type { Clock } from "../../concurrency/clock.ts";
import { delayMsAfter, isFlood } from "./faults.ts";

/** A pause after a failure: it grows with each one in a row, or lasts as long as Telegram said. */
export interface Rest {
  readonly isOver: boolean;
  begin(error: unknown): void;
  /** The connection is back: only a flood wait lasts on. */
  connectionBack(): void;
  /** Something succeeded: the next pause is short again. */
  worked(): void;
  cancel(): void;
}

export function createRest(clock: Pick<Clock, "schedule">, onOver: () => void): Rest {
  let failures = 0;
  let resting: { readonly forFlood: boolean; readonly cancel: () => void } | null = null;

  function cancel(): void {
    resting?.cancel();
    resting = null;
  }

  function end(): void {
    cancel();
    onOver();
  }

  return {
    get isOver() {
      return resting === null;
    },
    begin(error) {
      cancel();
      const delayMs = delayMsAfter(error, failures);
      resting = { forFlood: isFlood(error), cancel: clock.schedule(delayMs, end) };
      failures += 1;
    },
    connectionBack() {
      if (resting?.forFlood === false) end();
    },
    worked: () => void (failures = 0),
    cancel,
  };
}
