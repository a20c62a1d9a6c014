import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import { createReadyLanes, type SendKind } from "./ready-lanes.ts";

/** The claimed replies of one chat, in order: the first is the one being sent. */
export interface OutboxLane {
  readonly key: string;
  readonly chatUser: string;
  readonly queue: readonly OutboxItem[];
  /** Message ids settled since the lane was made. */
  readonly taken: Set<number>;
}

/**
 * Claimed replies on their way out: one lane per chat user, by channel and account.
 *
 * 1. A lane keeps its replies in the order of their sessions and numbers, however they come; only its first one is ever
 *    settled, so none overtakes another (I4). What comes while its first one is in flight goes behind that.
 * 2. A lane has one call in flight at a time: `next` passes over it from `begin` to `end`.
 * 3. A lane that rests sends nothing, also not what is added meanwhile; `rest` answers what it held. Its rest ends by
 *    `wake` alone: the sender has looked in the store for older replies of the chat then.
 * 4. A busy or resting lane holds up no other; a lane that was passed over goes on behind those that wait already.
 * 5. `clear` leaves busy and resting lanes as they are, and answers the replies of the others. An ended rest is over.
 * 6. A lane that was forgotten is no longer known: nothing said of it changes anything, also when its chat user has
 *    another.
 * 7. `held` counts the replies in all lanes, `busy` the lanes with a call in flight.
 *
 * There is no bound here: a sender claims no more than `held` leaves room for.
 */
export interface OutboxLanes {
  add(items: readonly OutboxItem[]): void;
  /** The lane of a chat; null: nothing is known of it. */
  of(chat: Pick<OutboxItem, "channel" | "account" | "chatUser">): OutboxLane | null;
  /** A lane that may send now and is fit for it; of either kind by default. */
  next(kind?: SendKind, fits?: (lane: OutboxLane) => boolean): OutboxLane | null;
  /** A call is in flight for the lane until `end`. */
  begin(lane: OutboxLane): void;
  /** Forgets a lane that has nothing left. */
  end(lane: OutboxLane): void;
  /** The lane's first reply is settled. */
  shift(lane: OutboxLane): void;
  /** Sends nothing until `wake`. Answers what the lane held, which is not its any more. */
  rest(lane: OutboxLane): readonly OutboxItem[];
  isResting(lane: OutboxLane): boolean;
  /** Ends the lane's rest. */
  wake(lane: OutboxLane): void;
  /** Empties the lanes that neither send nor rest; answers their replies. */
  clear(): readonly OutboxItem[];
  all(): Iterable<OutboxLane>;
  readonly held: number;
  readonly busy: number;
}

interface Lane extends OutboxLane {
  readonly queue: OutboxItem[];
  resting: boolean;
  busy: boolean;
}

type Chat = Pick<OutboxItem, "channel" | "account" | "chatUser">;

const keyOf = ({ channel, account, chatUser }: Chat): string =>
  `${channel}\n${account}\n${chatUser}`;

/** A user's later session has the higher number. */
function isBefore(a: OutboxItem, b: OutboxItem): boolean {
  if (a.sessionId === b.sessionId) return a.seq < b.seq;
  const [one, other] = [a.sessionId, b.sessionId];
  return one.length === other.length ? one < other : one.length < other.length;
}

function insert({ queue, busy }: Lane, item: OutboxItem): void {
  const first = busy ? 1 : 0;
  let at = queue.length;
  while (at > first && isBefore(item, queue[at - 1]!)) at -= 1;
  queue.splice(at, 0, item);
}

const isReady = (lane: Lane): boolean => !lane.busy && !lane.resting && lane.queue.length > 0;

export function createOutboxLanes(): OutboxLanes {
  const lanes = new Map<string, Lane>();
  const ready = createReadyLanes<Lane>(isReady);
  let [held, busy] = [0, 0];

  function laneAt(chat: Chat): Lane {
    const key = keyOf(chat);
    const found = lanes.get(key);
    if (found !== undefined) return found;
    const { chatUser } = chat;
    const made = {
      key,
      chatUser,
      queue: [],
      taken: new Set<number>(),
      busy: false,
      resting: false,
    };
    lanes.set(key, made);
    return made;
  }

  /** null: the lane was taken away meanwhile and is on no books any more. */
  const own = (lane: OutboxLane): Lane | null => {
    const found = lanes.get(lane.key);
    return found === lane ? found : null;
  };

  function forget(lane: Lane): void {
    lanes.delete(lane.key);
    ready.leave(lane);
  }

  function rejoin(lane: Lane): void {
    if (lane.resting || lane.busy) return;
    if (lane.queue.length === 0) forget(lane);
    else ready.join(lane);
  }

  return {
    add(items) {
      for (const item of items) {
        const lane = laneAt(item);
        insert(lane, item);
        if (isReady(lane)) ready.join(lane);
      }
      held += items.length;
    },
    of: (chat) => lanes.get(keyOf(chat)) ?? null,
    next: ready.next,
    begin(lane) {
      const mine = own(lane);
      if (mine === null || mine.busy) return;
      mine.busy = true;
      busy += 1;
      ready.leave(mine);
    },
    end(lane) {
      const mine = own(lane);
      if (mine === null) return;
      if (mine.busy) busy -= 1;
      mine.busy = false;
      rejoin(mine);
    },
    shift(lane) {
      const mine = own(lane);
      if (mine === null) return;
      mine.queue.shift();
      held -= 1;
    },
    rest(lane) {
      const mine = own(lane);
      if (mine === null) return [];
      mine.resting = true;
      ready.leave(mine);
      held -= mine.queue.length;
      return mine.queue.splice(0);
    },
    isResting: (lane) => own(lane)?.resting === true,
    wake(lane) {
      const mine = own(lane);
      if (mine === null) return;
      mine.resting = false;
      rejoin(mine);
    },
    clear() {
      const idle = [...lanes.values()].filter((lane) => !lane.busy && !lane.resting);
      for (const lane of idle) {
        forget(lane);
        held -= lane.queue.length;
      }
      return idle.flatMap(({ queue }) => queue);
    },
    all: () => lanes.values(),
    get held() {
      return held;
    },
    get busy() {
      return busy;
    },
  };
}
