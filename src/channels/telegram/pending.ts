import type { AccountUpdate, PushedUpdate } from "../../ports/telegram/telegram.ts";

/** Pushes kept at most while earlier ones are stored; beyond that, they are fetched instead. */
const pendingMax = 1000;

/** The longest run of pushes that fits the cursor, in the order of arrival. */
export interface Run {
  readonly updates: readonly AccountUpdate[];
  /** Where the cursor stands behind it. */
  readonly pts: number;
  /** The newest date in it, Unix seconds; 0 without one. */
  readonly date: number;
  /** Something is missing behind it. */
  readonly gap: boolean;
}

/**
 * Pushes that were not stored yet. Updates that count in pts can be fetched again; a button press
 * cannot.
 */
export interface PendingUpdates {
  readonly size: number;
  /**
   * `collapsed`: the updates that count must be fetched instead. `lost`: the oldest presses, for
   * which there was no room.
   */
  add(pushed: readonly PushedUpdate[]): { readonly collapsed: boolean; readonly lost: number };
  /** Takes every press and the updates that fit `pts`. Drops older ones; those after a gap stay. */
  take(pts: number): Run;
  /** The run was not stored: its presses are kept, the rest must be fetched. */
  giveBack(run: Run): void;
}

export function createPendingUpdates(): PendingUpdates {
  let queue: PushedUpdate[] = [];

  return {
    get size() {
      return queue.length;
    },
    add(pushed) {
      queue.push(...pushed.filter(({ update, pts }) => update !== null || pts !== null));
      if (queue.length <= pendingMax) return { collapsed: false, lost: 0 };
      const presses = queue.filter(({ pts }) => pts === null);
      queue = presses.slice(-pendingMax);
      return { collapsed: true, lost: presses.length - queue.length };
    },
    take(from) {
      const updates: AccountUpdate[] = [];
      const later: PushedUpdate[] = [];
      let pts = from;
      let date = 0;
      for (const entry of queue) {
        if (entry.pts !== null) {
          if (entry.pts <= pts) continue;
          if (later.length > 0 || entry.pts - entry.ptsCount !== pts) {
            later.push(entry);
            continue;
          }
          pts = entry.pts;
        }
        if (entry.update === null) continue;
        updates.push(entry.update);
        if (entry.update.kind === "message") date = Math.max(date, entry.update.date);
      }
      queue = later;
      return { updates, pts, date, gap: later.length > 0 };
    },
    giveBack({ updates }) {
      const presses = updates.filter(({ kind }) => kind === "tap");
      queue.unshift(...presses.map((update) => ({ update, pts: null, ptsCount: 0 })));
    },
  };
}
