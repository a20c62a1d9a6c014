import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";

/** The claimed replies of one chat, in order: the first is the one being sent. */
export interface OutboxLane {
  readonly key: string;
  readonly queue: readonly OutboxItem[];
  /** Message ids settled since the lane was made. */
  readonly taken: Set<number>;
  /** The first reply's outcome is unknown: nothing may overtake it. */
  readonly blocked: boolean;
}

/**
 * Claimed replies on their way out: one lane per chat user, by channel and account.
 *
 * 1. A lane keeps its replies as they were added; only its first one is ever settled, so none overtakes another (I4).
 * 2. A lane has one call in flight at a time: `next` passes over it from `begin` to `end`.
 * 3. A blocked lane sends nothing more, and keeps its replies until `clear`.
 * 4. A busy or blocked lane holds up no other; a lane that was passed over goes on behind those that wait already.
 * 5. `clear` leaves busy lanes as they are. It answers each reply that was certainly not tried: neither in an earlier
 *    attempt nor as the first of a blocked lane.
 * 6. A lane that was forgotten is no longer known: nothing said of it changes anything, also when its chat user has
 *    another.
 * 7. `held` counts the replies in all lanes, `busy` and `blocked` the lanes that are.
 *
 * There is no bound here: a sender claims no more than `held` leaves room for.
 */
export interface OutboxLanes {
  add(items: readonly OutboxItem[]): void;
  /** A lane that may send now. */
  next(): OutboxLane | null;
  /** A call is in flight for the lane until `end`. */
  begin(lane: OutboxLane): void;
  /** Forgets a lane that has nothing left. */
  end(lane: OutboxLane): void;
  /** The lane's first reply is settled. */
  shift(lane: OutboxLane): void;
  /** The outcome of the lane's first reply is unknown. */
  block(lane: OutboxLane): void;
  /** Empties the idle lanes; answers the replies of which no attempt was made. */
  clear(): readonly OutboxItem[];
  readonly held: number;
  readonly busy: number;
  readonly blocked: number;
}

interface Lane extends OutboxLane {
  readonly queue: OutboxItem[];
  blocked: boolean;
  busy: boolean;
}

export function createOutboxLanes(): OutboxLanes {
  const lanes = new Map<string, Lane>();
  /** Lanes that may send, and some that no longer may. */
  const ready = new Set<Lane>();
  let [held, busy, blocked] = [0, 0, 0];

  const laneAt = (key: string): Lane =>
    lanes.get(key) ?? { key, queue: [], taken: new Set(), busy: false, blocked: false };

  /** null: the lane was taken away meanwhile and is on no books any more. */
  const own = (lane: OutboxLane): Lane | null => {
    const found = lanes.get(lane.key);
    return found === lane ? found : null;
  };

  function forget(lane: Lane): void {
    lanes.delete(lane.key);
    ready.delete(lane);
    held -= lane.queue.length;
    if (lane.blocked) blocked -= 1;
    if (lane.busy) busy -= 1;
  }

  return {
    add(items) {
      for (const item of items) {
        const lane = laneAt(`${item.channel}\n${item.account}\n${item.chatUser}`);
        lane.queue.push(item);
        lanes.set(lane.key, lane);
        ready.add(lane);
      }
      held += items.length;
    },
    next() {
      for (const lane of ready) {
        if (!lane.busy && !lane.blocked && lane.queue.length > 0) return lane;
        ready.delete(lane);
      }
      return null;
    },
    begin(lane) {
      const mine = own(lane);
      if (mine === null || mine.busy) return;
      mine.busy = true;
      busy += 1;
    },
    end(lane) {
      const mine = own(lane);
      if (mine === null) return;
      if (mine.busy) busy -= 1;
      mine.busy = false;
      if (mine.queue.length === 0) forget(mine);
      else ready.add(mine);
    },
    shift(lane) {
      const mine = own(lane);
      if (mine === null) return;
      mine.queue.shift();
      held -= 1;
    },
    block(lane) {
      const mine = own(lane);
      if (mine === null || mine.blocked) return;
      mine.blocked = true;
      blocked += 1;
    },
    clear() {
      const idle = [...lanes.values()].filter((lane) => !lane.busy);
      for (const lane of idle) forget(lane);
      return idle
        .flatMap((lane) => (lane.blocked ? lane.queue.slice(1) : lane.queue))
        .filter(({ attempted }) => !attempted);
    },
    get held() {
      return held;
    },
    get busy() {
      return busy;
    },
    get blocked() {
      return blocked;
    },
  };
}
