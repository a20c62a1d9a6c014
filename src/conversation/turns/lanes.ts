import type { InboundDelivery } from "../../ports/conversation/inbound-stream.ts";

/**
 * Deliveries waiting for their turn: one lane per chat user, by channel and account.
 *
 * 1. A lane gives its deliveries by position, in whatever order they were added.
 * 2. A taken lane gives nothing until it is left: a chat user has one delivery taken at a time (I4).
 * 3. `take` gives the oldest delivery of all lanes that are not taken: a chat user with many waiting, or with a slow
 *    turn, holds up no other. null: all that wait are behind a taken one, or nothing waits.
 * 4. An item at a position waits once: added again while it waits, it replaces the delivery; added again while it is
 *    taken, it waits behind that.
 * 5. `waiting` counts what was added and neither replaced, taken nor drained.
 *
 * Every delivery that was taken is left once.
 */
export interface TurnLanes {
  /** A position that waits already is replaced: the stream gave up waiting for the earlier delivery. */
  add(delivery: InboundDelivery): void;
  /** No delivery of this chat user waits or is taken. */
  isIdle(delivery: InboundDelivery): boolean;
  /** The oldest delivery of a lane that is not taken; takes the lane until `leave`. */
  take(): InboundDelivery | null;
  leave(delivery: InboundDelivery): void;
  /** Removes all waiting messages, in stream order. */
  drain(): readonly InboundDelivery[];
  readonly waiting: number;
}

interface Lane {
  readonly key: string;
  readonly queue: InboundDelivery[];
  taken: boolean;
}

/** Holds as many deliveries as the stream leaves unsettled at once; that is the bound. */
export function createTurnLanes(): TurnLanes {
  const lanes = new Map<string, Lane>();
  /** Lanes that may be taken, the one with the oldest delivery first. */
  const ready: Lane[] = [];
  let waiting = 0;

  function laneOf(delivery: InboundDelivery): Lane {
    const key = laneKey(delivery);
    const known = lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = { key, queue: [], taken: false };
    lanes.set(key, lane);
    return lane;
  }

  function offer(lane: Lane): void {
    const position = positionOf(lane);
    let at = 0;
    for (let end = ready.length; at < end; ) {
      const middle = (at + end) >> 1;
      if (positionOf(ready[middle]!) > position) end = middle;
      else at = middle + 1;
    }
    ready.splice(at, 0, lane);
  }

  /** The same lane at another place, as its oldest delivery is another now. */
  function offerAgain(lane: Lane): void {
    const at = ready.indexOf(lane);
    if (at !== -1) ready.splice(at, 1);
    offer(lane);
  }

  return {
    add(delivery) {
      const lane = laneOf(delivery);
      const { queue } = lane;
      const newestPosition = queue.at(-1)?.position ?? -1;
      const at = delivery.position > newestPosition ? queue.length : placeIn(queue, delivery);
      const isAgain = isSame(queue[at], delivery);
      queue.splice(at, isAgain ? 1 : 0, delivery);
      if (!isAgain) waiting += 1;
      if (at === 0 && !isAgain && !lane.taken) offerAgain(lane);
    },
    isIdle: (delivery) => !lanes.has(laneKey(delivery)),
    take() {
      const lane = ready.shift();
      const delivery = lane?.queue.shift();
      if (lane === undefined || delivery === undefined) return null;
      lane.taken = true;
      waiting -= 1;
      return delivery;
    },
    leave(delivery) {
      const lane = laneOf(delivery);
      lane.taken = false;
      if (lane.queue.length === 0) lanes.delete(lane.key);
      else offer(lane);
    },
    drain() {
      const given = [...lanes.values()].flatMap(({ queue }) => queue.splice(0));
      ready.length = 0;
      waiting = 0;
      return given.toSorted((left, right) => left.position - right.position);
    },
    get waiting() {
      return waiting;
    },
  };
}

/** A stream that was made anew gives its positions again, to other items: they come after the earlier ones. */
function placeIn(queue: readonly InboundDelivery[], delivery: InboundDelivery): number {
  const at = queue.findIndex((one) => one.position > delivery.position || isSame(one, delivery));
  return at === -1 ? queue.length : at;
}

const isSame = (one: InboundDelivery | undefined, other: InboundDelivery): boolean =>
  one !== undefined &&
  one.position === other.position &&
  one.item.inboundId === other.item.inboundId;

const laneKey = ({ item: { channel, account, chatUser } }: InboundDelivery): string =>
  `${channel}\n${account}\n${chatUser}`;

const positionOf = ({ queue }: Lane): number => queue[0]?.position ?? Number.POSITIVE_INFINITY;
