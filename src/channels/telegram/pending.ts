import type { AccountUpdate, PushedUpdate } from "../../ports/telegram/telegram.ts";

/** Pushes kept at most while earlier ones are stored; beyond that, they are fetched instead. */
const pendingMax = 1000;
/** A push this far behind everything that this client was given is no late copy of it. */
const strayBehindMin = 5;

/** The longest run of pushes that fits the cursor, in the order of arrival. */
export interface Run {
  readonly updates: readonly AccountUpdate[];
  /** Where the cursor stands behind it. */
  readonly pts: number;
  /** The newest date in it, Unix seconds; 0 without one. */
  readonly date: number;
  /** Why the next push waits: it lies behind a gap, or behind a fetch that is due; null for no further push. */
  readonly blockedBy: "gap" | "fetch" | null;
  /** Pushes lay far behind the cursor: they are taken, and Telegram's count may have fallen back. */
  readonly strays: boolean;
}

/**
 * Pushes that were not stored yet. Updates that count in pts can be fetched again; a button press
 * cannot. A fetch that is due has its place among them, and nothing overtakes it.
 */
export interface PendingUpdates {
  readonly size: number;
  /** Telegram's state is to be asked for beside the next fetch. */
  readonly asksState: boolean;
  /** `lost`: the oldest presses, for which there was no room. */
  add(pushed: readonly PushedUpdate[]): { readonly lost: number };
  /** Updates must be fetched, behind everything that was pushed so far. */
  ask(what?: "fetch" | "state"): void;
  /**
   * Takes what fits `pts`, up to the first gap or the first fetch that is due. Drops older ones, unless they lie far
   * behind `since`: everything after it was given to this client.
   */
  take(pts: number, since: number): Run;
  /** The run was not stored: its presses are kept behind a fetch, which brings the rest. */
  giveBack(run: Run): void;
  /** A fetch begins. The returned function is called when it has succeeded: what was due before is done. */
  fetching(): () => void;
  /** Takes the presses that wait behind a gap or a fetch. */
  takePresses(): readonly AccountUpdate[];
}

const fetchDue: PushedUpdate = { update: null, pts: null, ptsCount: 0, ask: "fetch" };

export function createPendingUpdates(): PendingUpdates {
  let queue: PushedUpdate[] = [];

  const isPress = ({ update }: PushedUpdate): boolean => update?.kind === "tap";

  return {
    get size() {
      return queue.length;
    },
    get asksState() {
      return queue.some(({ ask }) => ask === "state");
    },
    add(pushed) {
      queue.push(
        ...pushed.filter(({ update, pts, ask }) => update !== null || pts !== null || ask),
      );
      if (queue.length <= pendingMax) return { lost: 0 };
      const presses = queue.filter(isPress);
      const kept = presses.slice(-pendingMax);
      const asked = queue.find(({ ask }) => ask === "state");
      queue = [asked ?? { ...fetchDue }, ...kept];
      return { lost: presses.length - kept.length };
    },
    ask: (what = "fetch") => void queue.push({ ...fetchDue, ask: what }),
    take(from, since) {
      const updates: AccountUpdate[] = [];
      const later: PushedUpdate[] = [];
      let pts = from;
      let date = 0;
      let strays = false;
      let blockedBy: Run["blockedBy"] = null;
      for (const entry of queue) {
        const isStray = entry.pts !== null && entry.pts + strayBehindMin <= since;
        if (entry.pts !== null && entry.pts <= pts && !isStray) continue;
        strays ||= isStray;
        if (!isStray) {
          if (entry.ask !== undefined) blockedBy ??= "fetch";
          else if (entry.pts !== null && entry.pts - entry.ptsCount !== pts) blockedBy ??= "gap";
          if (blockedBy !== null) {
            later.push(entry);
            continue;
          }
          pts = entry.pts ?? pts;
        }
        if (entry.update === null) continue;
        updates.push(entry.update);
        if (entry.update.kind === "message") date = Math.max(date, entry.update.date);
      }
      queue = later;
      return { updates, pts, date, blockedBy, strays };
    },
    giveBack({ updates, strays }) {
      const presses = updates.filter(({ kind }) => kind === "tap");
      const kept = presses.map((update) => ({ update, pts: null, ptsCount: 0 }));
      queue = [{ ...fetchDue, ask: strays ? "state" : "fetch" }, ...kept, ...queue];
    },
    fetching() {
      const due = new Set(queue.filter(({ ask }) => ask !== undefined));
      return () => {
        queue = queue.filter((entry) => !due.has(entry));
      };
    },
    takePresses() {
      const presses = queue.filter(isPress);
      queue = queue.filter((entry) => !isPress(entry));
      return presses.flatMap(({ update }) => update ?? []);
    },
  };
}
