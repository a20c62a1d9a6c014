import type {
  InboundDelivery,
  InboundItem,
  InboundStream,
} from "../../../src/ports/inbound-stream.ts";

/**
 * A stream in memory. It delivers unsettled messages again to the next consumer, and never drops
 * duplicates.
 */
export interface TestStream extends InboundStream {
  readonly parked: readonly { readonly item: InboundItem; readonly reason: string }[];
  /** Positions settled by `done`, in the order of settling. */
  readonly done: readonly number[];
  /**
   * The consumer is gone without a word: it receives nothing further, and its acknowledgements are
   * refused.
   */
  crash(): void;
  /** Delivers a message a second time, as after a lost acknowledgement. */
  redeliver(position: number): void;
  /** Resolves when every message is done or parked. */
  emptied(): Promise<void>;
  /** Called with each delivery just before the consumer gets it. */
  onDeliver: (item: InboundItem) => void;
}

interface Consumer {
  readonly onDelivery: (delivery: InboundDelivery) => void;
  readonly taken: Set<number>;
  readonly inFlightMax: number;
  readonly restWaiters: (() => void)[];
  lost: boolean;
}

export function createTestStream(): TestStream {
  const waiting = new Map<number, InboundItem>();
  const parked: { item: InboundItem; reason: string }[] = [];
  const done: number[] = [];
  const emptyWaiters: (() => void)[] = [];
  let last = 0;
  let consumer: Consumer | null = null;

  function release(by: Consumer, position: number): void {
    by.taken.delete(position);
    if (by.taken.size === 0) for (const wake of by.restWaiters.splice(0)) wake();
  }

  function settle(by: Consumer, position: number): void {
    if (by.lost) throw new Error("the consumer is gone");
    waiting.delete(position);
    release(by, position);
    if (waiting.size === 0) for (const wake of emptyWaiters.splice(0)) wake();
    pump();
  }

  function deliver(to: Consumer, position: number, item: InboundItem): void {
    to.taken.add(position);
    stream.onDeliver(item);
    to.onDelivery({
      item,
      position,
      done() {
        settle(to, position);
        done.push(position);
      },
      retry() {
        release(to, position);
        queueMicrotask(pump);
      },
      async park(reason) {
        settle(to, position);
        parked.push({ item, reason });
      },
    });
  }

  function pump(): void {
    for (const [position, item] of waiting) {
      const to = consumer;
      if (to === null || to.taken.size >= to.inFlightMax) return;
      if (!to.taken.has(position)) deliver(to, position, item);
    }
  }

  const stream: TestStream = {
    parked,
    done,
    onDeliver: () => {},
    listParked: async () => [],
    unpark: async () => false,
    async append(items) {
      for (const item of items) {
        last += 1;
        waiting.set(last, item);
      }
      pump();
    },
    async consume({ inFlightMax, onDelivery }) {
      const mine: Consumer = {
        onDelivery,
        inFlightMax,
        taken: new Set(),
        restWaiters: [],
        lost: false,
      };
      consumer = mine;
      pump();
      return async () => {
        if (consumer === mine) consumer = null;
        if (mine.lost || mine.taken.size === 0) return;
        await new Promise<void>((resolve) => mine.restWaiters.push(resolve));
      };
    },
    crash() {
      if (consumer !== null) consumer.lost = true;
      consumer = null;
    },
    redeliver(position) {
      const item = waiting.get(position);
      if (consumer !== null && item !== undefined) deliver(consumer, position, item);
    },
    emptied: () =>
      waiting.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            emptyWaiters.push(resolve);
          }),
  };
  return stream;
}
