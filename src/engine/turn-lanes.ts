import type { InboundDelivery } from "../ports/inbound-stream.ts";

/** Deliveries waiting for their turn: one lane per chat user, taken in stream order. */
export interface TurnLanes {
  /** A position that waits already is replaced: the stream gave up waiting for the earlier delivery. */
  add(delivery: InboundDelivery): void;
  /** The oldest delivery of a lane that is not taken; takes the lane until `leave`. */
  take(): InboundDelivery | null;
  leave(delivery: InboundDelivery): void;
  /** Empties the lanes of what waits, in stream order. */
  drain(): readonly InboundDelivery[];
  readonly waiting: number;
}

interface Lane {
  readonly queue: InboundDelivery[];
  taken: boolean;
}

/** Holds as many deliveries as the stream leaves unsettled at once; that is the bound. */
export function createTurnLanes(): TurnLanes {
  const lanes = new Map<string, Lane>();
  let waiting = 0;

  const laneOf = (delivery: InboundDelivery): Lane => {
    const key = laneKey(delivery);
    const lane = lanes.get(key) ?? { queue: [], taken: false };
    lanes.set(key, lane);
    return lane;
  };

  return {
    add(delivery) {
      const { queue } = laneOf(delivery);
      const at = queue.findIndex(({ position }) => position >= delivery.position);
      if (at === -1) queue.push(delivery);
      else queue.splice(at, queue[at]?.position === delivery.position ? 1 : 0, delivery);
      waiting = countWaiting(lanes);
    },
    take() {
      let first: Lane | null = null;
      for (const lane of lanes.values()) {
        if (lane.taken || lane.queue.length === 0) continue;
        if (first === null || positionOf(lane) < positionOf(first)) first = lane;
      }
      const delivery = first?.queue.shift() ?? null;
      if (first === null || delivery === null) return null;
      first.taken = true;
      waiting -= 1;
      return delivery;
    },
    leave(delivery) {
      const lane = laneOf(delivery);
      lane.taken = false;
      if (lane.queue.length === 0) lanes.delete(laneKey(delivery));
    },
    drain() {
      const given = [...lanes.values()].flatMap(({ queue }) => queue.splice(0));
      waiting = 0;
      return given.toSorted((left, right) => left.position - right.position);
    },
    get waiting() {
      return waiting;
    },
  };
}

const laneKey = ({ item: { channel, account, chatUser } }: InboundDelivery): string =>
  JSON.stringify([channel, account, chatUser]);

const positionOf = ({ queue }: Lane): number => queue[0]?.position ?? Number.POSITIVE_INFINITY;

const countWaiting = (lanes: ReadonlyMap<string, Lane>): number =>
  [...lanes.values()].reduce((sum, { queue }) => sum + queue.length, 0);
