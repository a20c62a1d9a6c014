import type { OutboxItem } from "../ports/conversation-store.ts";

/** The replies of one chat that were claimed, in order: the first is the one that is sent. */
export interface OutboxLane {
  readonly key: string;
  readonly queue: OutboxItem[];
  /** Message ids settled since the lane was made. */
  readonly taken: Set<number>;
  /** A call is in flight. */
  busy: boolean;
  /** The first reply's outcome is unknown: nothing may overtake it. */
  blocked: boolean;
}

export interface OutboxLanes {
  add(items: readonly OutboxItem[]): void;
  /** A lane that may send now. */
  next(): OutboxLane | null;
  /** Forgets a lane that has nothing left. */
  tidy(lane: OutboxLane): void;
  /** Empties the idle lanes; answers the replies of which no attempt was made. */
  clear(): readonly OutboxItem[];
  readonly held: number;
  readonly busy: number;
  readonly blocked: number;
}

export function createOutboxLanes(): OutboxLanes {
  const lanes = new Map<string, OutboxLane>();
  const isIdle = ({ busy, blocked, queue }: OutboxLane) => !busy && !blocked && queue.length > 0;
  /** Those that may send, and some that no longer may. */
  const ready = new Set<OutboxLane>();
  const count = (of: (lane: OutboxLane) => number): number =>
    [...lanes.values()].reduce((sum, lane) => sum + of(lane), 0);

  return {
    add(items) {
      for (const item of items) {
        const key = `${item.channel}\n${item.account}\n${item.chatUser}`;
        const lane = lanes.get(key) ?? {
          key,
          queue: [],
          taken: new Set<number>(),
          busy: false,
          blocked: false,
        };
        lane.queue.push(item);
        lanes.set(key, lane);
        ready.add(lane);
      }
    },
    next() {
      for (const lane of ready) {
        if (lanes.get(lane.key) === lane && isIdle(lane)) return lane;
        ready.delete(lane);
      }
      return null;
    },
    tidy(lane) {
      if (lane.queue.length === 0 && !lane.busy) lanes.delete(lane.key);
      else ready.add(lane);
    },
    clear() {
      const idle = [...lanes.values()].filter(({ busy }) => !busy);
      for (const { key } of idle) lanes.delete(key);
      return idle
        .flatMap(({ queue, blocked }) => (blocked ? queue.slice(1) : queue))
        .filter(({ attempted }) => !attempted);
    },
    get held() {
      return count(({ queue }) => queue.length);
    },
    get busy() {
      return count(({ busy }) => (busy ? 1 : 0));
    },
    get blocked() {
      return count(({ blocked }) => (blocked ? 1 : 0));
    },
  };
}
