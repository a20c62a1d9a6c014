import type { Clock } from "../../concurrency/clock.ts";
import type { SendKind } from "./ready-lanes.ts";

export interface SendSlotLimits {
  /** Chats that are sent to at the same time for the first time. */
  readonly chatsMax: number;
  /** Chats that are tried again at the same time: their trouble takes no place of the others. */
  readonly retriesMax: number;
  /** A call that has no answer after this long gives its place to another chat. */
  readonly slowAfterMs: number;
  /**
   * Such calls at most. Beyond them slow calls keep their places: with this many hanging recipients and `chatsMax`
   * more, replies wait until calls end.
   */
  readonly slowMax: number;
}

/** The place of one call. */
export interface SendSlot {
  readonly kind: SendKind;
  readonly sinceMs: number;
  isSlow: boolean;
}

/** How many calls may be under way at the same time. */
export interface SendSlots {
  mayTake(kind: SendKind): boolean;
  take(kind: SendKind): SendSlot;
  leave(slot: SendSlot): void;
  /** Until the next call counts as slow, milliseconds; null: none will. */
  slowInMs(): number | null;
}

/** Slow calls are told by their time, as no recipient says beforehand that it will be slow. */
export function createSendSlots(
  { chatsMax, retriesMax, slowAfterMs, slowMax }: SendSlotLimits,
  clock: Pick<Clock, "monotonicMs">,
): SendSlots {
  /** In the order of their begin. */
  const taken = { first: new Set<SendSlot>(), retry: new Set<SendSlot>() };
  const most = { first: chatsMax, retry: retriesMax };
  let slow = 0;

  function setSlowAside(kind: SendKind): void {
    const nowMs = clock.monotonicMs();
    for (const slot of taken[kind]) {
      if (slow >= slowMax || nowMs - slot.sinceMs < slowAfterMs) return;
      taken[kind].delete(slot);
      slot.isSlow = true;
      slow += 1;
    }
  }

  return {
    mayTake(kind) {
      if (taken[kind].size < most[kind]) return true;
      setSlowAside(kind);
      return taken[kind].size < most[kind];
    },
    take(kind) {
      const slot: SendSlot = { kind, sinceMs: clock.monotonicMs(), isSlow: false };
      taken[kind].add(slot);
      return slot;
    },
    leave(slot) {
      if (slot.isSlow) slow -= 1;
      else taken[slot.kind].delete(slot);
    },
    slowInMs() {
      if (slow >= slowMax) return null;
      const oldest = [...taken.first].slice(0, 1).concat([...taken.retry].slice(0, 1));
      if (oldest.length === 0) return null;
      const sinceMs = Math.min(...oldest.map((slot) => slot.sinceMs));
      return Math.max(0, sinceMs + slowAfterMs - clock.monotonicMs());
    },
  };
}
