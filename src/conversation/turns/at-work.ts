import type { Clock } from "../../concurrency/clock.ts";

/** The turns at work, from their first run to their end. */
export interface TurnsAtWork {
  /** A turn begins; the returned function ends it. */
  begin(): () => void;
  /** Since when the oldest one is at work, in milliseconds; null: there is none. */
  readonly longestMs: number | null;
}

export function createTurnsAtWork(clock: Pick<Clock, "monotonicMs">): TurnsAtWork {
  /** In the order in which they began. */
  const turns = new Set<{ readonly sinceMs: number }>();
  return {
    begin() {
      const turn = { sinceMs: clock.monotonicMs() };
      turns.add(turn);
      return () => void turns.delete(turn);
    },
    get longestMs() {
      const [first] = turns;
      return first === undefined ? null : clock.monotonicMs() - first.sinceMs;
    },
  };
}
