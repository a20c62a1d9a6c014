import type { Clock } from "../../../concurrency/clock.ts";
import { messageOf } from "../../../ports/conversation/inbound-stream.ts";
import type { HeldItem } from "./item.ts";

export interface WindowOptions {
  readonly clock: Pick<Clock, "monotonicMs" | "schedule">;
  /** From so many unsettled messages on, the old ones make room. */
  readonly messagesMax: number;
  /** An item is old when its turn has not ended after this time. */
  readonly oldMs: number;
  /** Whether room would help: not where turns wait for each other. */
  mayMove(): boolean;
  move(item: HeldItem): void;
}

/**
 * The items whose messages the stream waits for. Slow turns of many users would fill its window, so that the next
 * user's message is not even read. While it is half full, what is old becomes rows of the backlog and runs on.
 */
export interface StreamWindow {
  add(item: HeldItem): void;
  forget(item: HeldItem): void;
  stop(): void;
}

/** One statement's worth. */
const movesMax = 256;

export function createStreamWindow(options: WindowOptions): StreamWindow {
  const { clock, messagesMax, oldMs, mayMove, move } = options;
  /** The oldest first. */
  const items = new Set<HeldItem>();
  /** How many of its items are here, by message. */
  const messages = new Map<number, number>();
  let cancel: (() => void) | null = null;
  let isStopped = false;

  function watch(): void {
    if (cancel !== null || isStopped || messages.size < messagesMax) return;
    cancel = clock.schedule(oldMs, () => {
      cancel = null;
      if (messages.size >= messagesMax && mayMove()) sweep();
      watch();
    });
  }

  function sweep(): void {
    const untilMs = clock.monotonicMs() - oldMs;
    let moves = 0;
    for (const item of items) {
      if (item.sinceMs > untilMs || moves === movesMax) return;
      if (item.isMoving) continue;
      moves += 1;
      move(item);
    }
  }

  return {
    add(item) {
      items.add(item);
      const message = messageOf(item.position);
      messages.set(message, (messages.get(message) ?? 0) + 1);
      watch();
    },
    forget(item) {
      if (!items.delete(item)) return;
      const message = messageOf(item.position);
      const left = (messages.get(message) ?? 0) - 1;
      if (left > 0) messages.set(message, left);
      else messages.delete(message);
    },
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
