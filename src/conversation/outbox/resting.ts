import type { Clock } from "../../concurrency/clock.ts";
import type { OutboxLane, OutboxLanes } from "./lanes.ts";

/** Why a chat rests, and how long. */
export interface Rest {
  readonly ms: number;
  readonly code: string;
  /** The reply that it rests for: the rest stands in its row. */
  readonly id: string;
}

/**
 * The chats of one sender that rest, as far as it must know of them itself. A chat's rest stands in
 * the store. Here it is known until a claim has brought the chat's replies again, so that none that
 * is handed over meanwhile overtakes them, or until the row alone holds it back.
 */
export interface RestingChats {
  begin(lane: OutboxLane, rest: Rest): void;
  /** Rests for these codes are over. */
  wake(codes: readonly string[]): void;
  /** Those that the next claim may bring again: their rest is over, and written down. */
  due(): readonly OutboxLane[];
  /** The others' chat users. */
  notDue(): readonly string[];
  /** Until one of them may be due, milliseconds; null: none rests. */
  nextInMs(): number | null;
  /** A claim has brought what there was of them. */
  end(lanes: readonly OutboxLane[]): void;
}

/** Every turn that was committed before the rest was written has handed over its replies long since. */
const knownMs = 10_000;
/** Before a rest that is not written yet is looked at again. */
const writingMs = 50;

interface Resting {
  readonly rest: Rest;
  readonly sinceMs: number;
  untilMs: number;
}

export function createRestingChats(
  lanes: Pick<OutboxLanes, "wake">,
  unwritten: () => ReadonlySet<string>,
  clock: Pick<Clock, "monotonicMs">,
): RestingChats {
  const resting = new Map<OutboxLane, Resting>();

  function forgetOld(): void {
    const nowMs = clock.monotonicMs();
    const still = unwritten();
    for (const [lane, { sinceMs, rest }] of resting) {
      if (nowMs - sinceMs < knownMs || lane.queue.length > 0 || still.has(rest.id)) continue;
      resting.delete(lane);
      lanes.wake(lane);
    }
  }

  function isDue({ untilMs, rest }: Resting, still: ReadonlySet<string>): boolean {
    return untilMs <= clock.monotonicMs() && !still.has(rest.id);
  }

  return {
    begin(lane, rest) {
      const sinceMs = clock.monotonicMs();
      resting.set(lane, { rest, sinceMs, untilMs: sinceMs + rest.ms });
    },
    wake(codes) {
      for (const one of resting.values()) if (codes.includes(one.rest.code)) one.untilMs = 0;
    },
    due() {
      forgetOld();
      const still = unwritten();
      return [...resting].flatMap(([lane, one]) => (isDue(one, still) ? [lane] : []));
    },
    notDue() {
      const still = unwritten();
      return [...resting].flatMap(([lane, one]) => (isDue(one, still) ? [] : [lane.chatUser]));
    },
    nextInMs() {
      if (resting.size === 0) return null;
      const still = unwritten();
      const waits = [...resting.values()].map(({ untilMs, rest }) =>
        Math.max(untilMs - clock.monotonicMs(), still.has(rest.id) ? writingMs : 1),
      );
      return Math.min(...waits);
    },
    end(ended) {
      for (const lane of ended) {
        resting.delete(lane);
        lanes.wake(lane);
      }
    },
  };
}
