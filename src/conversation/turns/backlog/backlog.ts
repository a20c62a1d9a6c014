import type { Clock } from "../../../concurrency/clock.ts";
import type { EventSink } from "../../../ports/accounts/event-sink.ts";
import type {
  BacklogItem,
  BacklogPlace,
  BacklogStore,
} from "../../../ports/conversation/backlog-store.ts";
import type {
  ConversationKey,
  PartitionClaim,
} from "../../../ports/conversation/conversation-store.ts";
import type {
  InboundDelivery,
  InboundStream,
  UnreadDelivery,
} from "../../../ports/conversation/inbound-stream.ts";
import { readItem } from "../../../ports/conversation/item-text.ts";
import { HeldDelivery, type HeldItem, HeldUnread, type ItemKeeper } from "./item.ts";
import { createRests } from "./rests.ts";
import { createBacklogRows } from "./rows.ts";
import type { UserQueue } from "./user.ts";
import { createUserQueues } from "./users.ts";
import { createStreamWindow } from "./window.ts";

export interface BacklogOptions {
  readonly stream: Pick<InboundStream, "consume">;
  /** Keeps what can take no turn, with the reason. */
  readonly keep: InboundStream["keep"];
  readonly store: BacklogStore;
  readonly claim: PartitionClaim;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly limits?: Partial<BacklogLimits>;
}

export interface BacklogLimits {
  /** Items of one user in memory. */
  readonly heldPerUserMax: number;
  /** Items of one user in the backlog; newer ones are parked as BACKLOG_FULL. */
  readonly rowsPerUserMax: number;
  /** Items in memory from which on none are read back. */
  readonly heldMax: number;
  /** Unsettled items of the stream from which on the old ones become rows: half of its window, with an item a message. */
  readonly windowMax: number;
  readonly oldMs: number;
  /** Users whose turns run at once: with more, turns wait for each other. */
  readonly usersMax: number;
  readonly retryDelayMs: number;
}

const defaultLimits: BacklogLimits = {
  heldPerUserMax: 8,
  rowsPerUserMax: 100_000,
  heldMax: 8_192,
  windowMax: 64,
  oldMs: 500,
  usersMax: 256,
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

  const rests = createRests({
    clock,
    events,
    signal: ending.signal,
    keep: options.keep,
    partition: claim.partition,
    again(item) {
      if (!item.isHandedOn) keepForLater(item);
      else if (item instanceof HeldDelivery) onDelivery(item);
    },
    giveBack,
  });
  const rows = createBacklogRows({
    store,
    claim,
    clock,
    events,
    signal: ending.signal,
    heldPerUserMax: limits.heldPerUserMax,
    retryDelayMs: limits.retryDelayMs,
    onMoved,
    onRead,
    onRemoved(items) {
      for (const item of items) {
        if (item.isRow) users.removeRow(item.user);
        users.forget(item);
      }
    },
    onLost: (items) => leave(items, (item) => rests.rest(item, lostMs)),
    onLeft: (items) => leave(items, giveBack),
  });
  const users = createUserQueues({
    ...limits,
    signal: ending.signal,
    read: (user) => rows.read(user),
  });
  const window = createStreamWindow({
    clock,
    itemsMax: limits.windowMax,
    oldMs: limits.oldMs,
    mayMove: () => users.busy <= limits.usersMax,
    move,
  });
  const keeper: ItemKeeper = {
    over(item) {
      window.forget(item);
      // Once it is known whether it is a row, the row is removed.
      if (item.isMoving) return;
      if (item.isRow) rows.remove(item);
      else users.forget(item);
    },
    rest: (item, delayMs) => rests.rest(item, delayMs),
    park: (item, reason) => rests.park(item, reason),
  };

  function giveBack(item: HeldItem): void {
    item.giveBack();
    window.forget(item);
    if (!item.isMoving) users.forget(item);
  }

  function move(item: HeldItem): void {
    item.isMoving = true;
    rows.add(item);
  }

  function handOn(item: HeldItem): void {
    users.handOn(item);
    if (item.isOfStream) window.add(item);
    if (item instanceof HeldDelivery) onDelivery(item);
    else void rests.park(item, malformed);
  }

  function keepForLater(item: HeldItem): void {
    const { user } = item;
    if (user.rows + user.moving >= limits.rowsPerUserMax) {
      void rests.park(item, fullReason(limits.rowsPerUserMax));
      return;
    }
    user.moving += 1;
    move(item);
  }

  function receive(delivery: InboundDelivery): void {
    const { item, position } = delivery;
    const user = users.of(item);
    const place = { position, inboundId: item.inboundId };
    const nowMs = clock.monotonicMs();
    const held = new HeldDelivery(keeper, user, place, { nowMs, stream: delivery, item });
    users.hold(held);
    // Its message comes again although it is at work: a row of it is added again, and found to be there.
    if (user.mustWait(position, limits.heldPerUserMax) || user.find(place) !== undefined)
      keepForLater(held);
    else handOn(held);
  }

  /** One for a newer host waits before its user's later ones, so that it keeps its place. */
  function receiveUnread(delivery: UnreadDelivery): void {
    const { of, text, position } = delivery;
    const name = of ?? unnamed;
    const user = users.of(name);
    const place = { position, inboundId: name.inboundId };
    const nowMs = clock.monotonicMs();
    const held = new HeldUnread(keeper, user, place, { nowMs, stream: delivery, text });
    users.hold(held);
    if (of === null) void rests.park(held, malformed);
    else keepForLater(held);
  }

  function onMoved(items: readonly HeldItem[]): void {
    for (const item of items.toSorted((a, b) => a.position - b.position)) {
      const { user } = item;
      window.forget(item);
      item.moved();
      users.addRow(user);
      if (!item.isHandedOn) {
        user.moving -= 1;
        user.added += 1;
      }
      if (item.standing === "over") rows.remove(item);
      else if (item.standing === "given") users.forget(item);
      else if (!item.isHandedOn) goOn(item);
    }
  }

  /** A new row is in memory still: it need not be read if it is next. */
  function goOn(item: HeldItem): void {
    const { user } = item;
    const atWork = user.find(item);
    if (atWork !== undefined) {
      // The row is that one's, and goes with it.
      atWork.isRow = true;
      return users.forget(item);
    }
    const isNext = !user.isStuck && user.mayGoOn(item.position, limits.heldPerUserMax);
    if (isNext && item instanceof HeldDelivery && !ending.signal.aborted) return handOn(item);
    user.hasUnread = true;
    users.forget(item);
  }

  function onRead(user: UserQueue, found: readonly BacklogItem[], isAll: boolean): void {
    for (const row of found) {
      if (ending.signal.aborted || user.isStuck) break;
      readOne(user, row, row.text);
    }
    if (isAll && !user.isStuck) user.hasUnread = false;
    users.hasRead(user);
  }

  function readOne(user: UserQueue, place: BacklogPlace, text: string): void {
    const read = readItem(text);
    if (read.kind === "newer") {
      user.isStuck = true;
      noteNewer(user.key, place.inboundId);
      return;
    }
    const since = { nowMs: clock.monotonicMs(), stream: null };
    const held =
      read.kind === "item"
        ? new HeldDelivery(keeper, user, place, { ...since, item: read.item })
        : new HeldUnread(keeper, user, place, { ...since, text });
    users.hold(held);
    handOn(held);
  }

  const noteNewer = ({ account }: ConversationKey, inboundId: string) =>
    events.report({
      type: "note",
      account,
      code: "ITEM_NEWER",
      message: `inbound ${inboundId} is of a kind or version that this host does not know; it and the user's later ones wait for a newer host`,
    });

  /** Those that cannot become rows: what runs may end, what waits is `left`. */
  function leave(items: readonly HeldItem[], left: (item: HeldItem) => void): void {
    for (const item of items) {
      if (item.isMoving && !item.isHandedOn) item.user.moving -= 1;
      item.isMoving = false;
      if (item.standing !== "open") users.forget(item);
      else if (!item.isHandedOn) left(item);
    }
  }

  async function start(): Promise<() => Promise<void>> {
    users.adopt(await store.users(claim.partition));
    const stopStream = await stream.consume({
      ...consumeOptions,
      onDelivery: receive,
      onUnread: receiveUnread,
    });
    return async () => {
      ending.abort();
      window.stop();
      rests.stop();
      const streamStopped = stopStream();
      await users.empty();
      await rows.idle();
      await streamStopped;
    };
  }

  return { start, rowsNow: () => (ending.signal.aborted ? 0 : users.rows) };
}

/** Until then the turns have noticed that the partition has a newer owner, and stopped. */
const lostMs = 5_000;

const malformed = "ITEM_MALFORMED: the message is no inbound item";

const fullReason = (most: number): string =>
  `BACKLOG_FULL: ${most} messages of this user wait already`;

/** Malformed items belong to no user. */
const unnamed = { channel: "", account: "–", chatUser: "", inboundId: "–" };
