import type { Clock } from "../../../concurrency/clock.ts";
import type { EventSink } from "../../../ports/accounts/event-sink.ts";
import type { BacklogStore } from "../../../ports/conversation/backlog-store.ts";
import type { PartitionClaim } from "../../../ports/conversation/conversation-store.ts";
import type { InboundStream } from "../../../ports/conversation/inbound-stream.ts";
import type { ParkedStore } from "../../../ports/conversation/parked-store.ts";
import {
  type BacklogFlow,
  giveBack,
  keepForLater,
  leave,
  move,
  onMoved,
  onRead,
  over,
  receive,
  receiveUnread,
} from "./flow.ts";
import { HeldDelivery, type HeldItem, type ItemKeeper } from "./item.ts";
import { createRests } from "./rests.ts";
import { createBacklogRows } from "./rows.ts";
import { createUserQueues } from "./users.ts";
import { createStreamWindow } from "./window.ts";

export interface BacklogOptions {
  readonly stream: Pick<InboundStream, "consume">;
  /** Keeps what can take no turn, with the reason. */
  readonly keep: ParkedStore["keep"];
  readonly store: BacklogStore;
  readonly claim: PartitionClaim;
  readonly clock: Clock;
  readonly events: EventSink;
  /**
   * Whether a turn could begin now: where none can, room in the stream's window would help nobody. A turn that rests
   * keeps no other from beginning. By default always.
   */
  mayBegin?(): boolean;
  readonly limits?: Partial<BacklogLimits>;
}

export interface BacklogLimits {
  /** Items of one user in memory. */
  readonly heldPerUserMax: number;
  /** Items of one user in the backlog; newer ones are parked as BACKLOG_FULL. */
  readonly rowsPerUserMax: number;
  /** Items in memory from which on none are read back, but for an account that has less than its share there. */
  readonly heldMax: number;
  /** Unsettled messages of the stream from which on the old ones become rows: half of its window. */
  readonly windowMax: number;
  readonly oldMs: number;
  readonly retryDelayMs: number;
}

const defaultLimits: BacklogLimits = {
  heldPerUserMax: 8,
  rowsPerUserMax: 100_000,
  heldMax: 8_192,
  windowMax: 64,
  oldMs: 500,
  retryDelayMs: 50,
};

/**
 * The stream of a partition as its turns consume it. A user who is behind has few items in memory. Their further ones
 * become rows in Postgres, and their messages are acknowledged: so no number of messages of one user fills the stream's
 * window. As long as a user has rows, newer items go there too, and rows are read back in order. A row is removed when
 * its item has taken effect. After a crash it is read again, and the store knows what took effect.
 */
export interface Backlog extends Pick<InboundStream, "consume"> {
  /** Rows of this partition, as long as this host consumes it. */
  readonly items: number;
}

type ConsumeOptions = Parameters<InboundStream["consume"]>[0];

export function createBacklog(options: BacklogOptions): Backlog {
  let rowsNow = () => 0;
  return {
    async consume(consumeOptions) {
      const consumer = createBacklogConsumer(options, consumeOptions);
      rowsNow = consumer.rowsNow;
      return consumer.start();
    },
    get items() {
      return rowsNow();
    },
  };
}

function createBacklogConsumer(options: BacklogOptions, consumeOptions: ConsumeOptions) {
  const { stream, store, claim, clock, events } = options;
  const { onDelivery } = consumeOptions;
  const limits: BacklogLimits = { ...defaultLimits, ...options.limits };
  const ending = new AbortController();
  const { signal } = ending;
  const give = (item: HeldItem) => giveBack(at, item);

  const users = createUserQueues({ ...limits, signal, read: (user) => rows.read(user) });
  const rows = createBacklogRows({
    store,
    claim,
    clock,
    events,
    signal,
    heldPerUserMax: limits.heldPerUserMax,
    retryDelayMs: limits.retryDelayMs,
    onMoved: (items) => onMoved(at, items),
    onRead: (user, found, isAll) => onRead(at, user, found, isAll),
    onRemoved(items) {
      for (const item of items) {
        if (item.isRow) users.removeRow(item.user);
        users.forget(item);
      }
    },
    onLost: (items) => leave(at, items, (item) => rests.rest(item, lostMs)),
    onLeft: (items) => leave(at, items, give),
  });
  const rests = createRests({
    clock,
    events,
    signal,
    keep: options.keep,
    partition: claim.partition,
    again(item) {
      if (!item.isHandedOn) keepForLater(at, item);
      else if (item instanceof HeldDelivery) onDelivery(item);
    },
    giveBack: give,
  });
  const window = createStreamWindow({
    clock,
    messagesMax: limits.windowMax,
    oldMs: limits.oldMs,
    mayMove: options.mayBegin ?? (() => true),
    move: (item) => move(at, item),
  });
  const keeper: ItemKeeper = {
    over: (item) => over(at, item),
    rest: (item, delayMs) => rests.rest(item, delayMs),
  };
  const at: BacklogFlow = {
    clock,
    events,
    limits,
    users,
    rows,
    rests,
    window,
    keeper,
    ending,
    onDelivery,
  };

  function end(): void {
    ending.abort();
    window.stop();
    rests.stop();
  }

  /** Rejects when the stream cannot be consumed; rows that were handed on by then are given back as they end. */
  async function start(): Promise<() => Promise<void>> {
    const behind = await store.users(claim.partition);
    users.adopt(behind);
    const consuming = stream.consume({
      ...consumeOptions,
      // What the stream gives comes after the rows, whatever has become of the stream since they were written.
      after: Math.max(-1, ...behind.map(({ last }) => last)),
      onDelivery: (delivery) => receive(at, delivery),
      onUnread: (delivery) => receiveUnread(at, delivery),
    });
    const stopStream = await consuming.catch((error: unknown) => {
      end();
      throw error;
    });
    return async () => {
      end();
      const streamStopped = stopStream();
      await users.empty();
      await rows.idle();
      await streamStopped;
    };
  }

  return { start, rowsNow: () => (signal.aborted ? 0 : users.rows) };
}

/** Until then the turns have noticed that the partition has a newer owner, and stopped. */
const lostMs = 5_000;
