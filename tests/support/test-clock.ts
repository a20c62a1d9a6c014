import type { Clock } from "../../src/concurrency/clock.ts";

/** Time that stands still until the test moves it. */
export interface TestClock extends Clock {
  /** Runs everything that falls due within the next `delayMs`, in order. */
  advance(delayMs: number): void;
}

export function createTestClock(startMs = 1_700_000_000_000): TestClock {
  let nowMs = 0;
  let lastId = 0;
  const due = new Map<number, { readonly atMs: number; readonly task: () => void }>();

  function next(untilMs: number): number | null {
    let found: number | null = null;
    for (const [id, { atMs }] of due) {
      if (atMs > untilMs) continue;
      const best = found === null ? null : due.get(found)!;
      if (best === null || atMs < best.atMs) found = id;
    }
    return found;
  }

  return {
    now: () => startMs + nowMs,
    monotonicMs: () => nowMs,
    schedule(delayMs, task) {
      lastId += 1;
      const id = lastId;
      due.set(id, { atMs: nowMs + delayMs, task });
      return () => void due.delete(id);
    },
    advance(delayMs) {
      const untilMs = nowMs + delayMs;
      for (let id = next(untilMs); id !== null; id = next(untilMs)) {
        const { atMs, task } = due.get(id)!;
        due.delete(id);
        nowMs = Math.max(nowMs, atMs);
        task();
      }
      nowMs = untilMs;
    },
  };
}
