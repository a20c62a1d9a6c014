/** The protocol's view of time; tests pass their own. */
export interface ProtocolClock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Calls back once after the delay, in milliseconds; the returned function cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** The machine's own time. Its timers do not keep the process alive. */
export function createSystemClock(): ProtocolClock {
  return {
    nowMs: () => Date.now(),
    schedule(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      timer.unref();
      return () => {
        clearTimeout(timer);
      };
    },
  };
}
