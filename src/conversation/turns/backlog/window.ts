import type { Clock } from "../../../concurrency/clock.ts";
import type { HeldItem } from "./item.ts";

export interface WindowOptions {
  readonly clock: Pick<Clock, "monotonicMs" | "schedule">;
  /** From so many unsettled items on, the old ones make room. */
  readonly itemsMax: number;
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
  const { clock, itemsMax, oldMs, mayMove, move } = options;
  /** The oldest first. */
  const items = new Set<HeldItem>();
  let cancel: (() => void) | null = null;
  let isStopped = false;

  function watch(): void {
    if (cancel !== null || isStopped || items.size < itemsMax) return;
    cancel = clock.schedule(oldMs, () => {
      cancel = null;
      if (items.size >= itemsMax && mayMove()) sweep();
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
      watch();
    },
    forget(item) {
      items.delete(item);
    },
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
