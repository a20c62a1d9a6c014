import type { ProtocolClock } from "../../../src/telegram-dc/protocol/clock.ts";

/** A clock that a test moves by hand; it starts at the real time, since clients use theirs. */
export interface ManualClock extends ProtocolClock {
  advance(milliseconds: number): void;
}

/** Time stands still until `advance`, which runs what falls due. */
export function createManualClock(): ManualClock {
  let nowMs = Date.now();
  const due = new Map<() => void, number>();
  return {
    nowMs: () => nowMs,
    schedule(delayMs, callback) {
      due.set(callback, nowMs + delayMs);
      return () => {
        due.delete(callback);
      };
    },
    advance(milliseconds) {
      nowMs += milliseconds;
      for (const [callback, atMs] of due) {
        if (atMs > nowMs) continue;
        due.delete(callback);
        callback();
      }
    },
  };
}
