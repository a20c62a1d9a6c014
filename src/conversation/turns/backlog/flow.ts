import type { Clock } from "../../../concurrency/clock.ts";
import type { EventSink } from "../../../ports/accounts/event-sink.ts";
import type { BacklogItem, BacklogPlace } from "../../../ports/conversation/backlog-store.ts";
import type { ConversationKey } from "../../../ports/conversation/conversation-store.ts";
import type {
  InboundDelivery,
  UnreadDelivery,
} from "../../../ports/conversation/inbound-stream.ts";
import { readItem } from "../../../ports/conversation/item-text.ts";
import { HeldDelivery, HeldItem, HeldUnread, type ItemKeeper } from "./item.ts";
import type { Rests } from "./rests.ts";
import type { BacklogRows } from "./rows.ts";
import type { UserQueue } from "./user.ts";
import type { UserQueues } from "./users.ts";
import type { StreamWindow } from "./window.ts";

/** One partition's backlog at work, as each step of an item needs it. */
export interface BacklogFlow {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly events: EventSink;
  readonly limits: { readonly heldPerUserMax: number; readonly rowsPerUserMax: number };
  readonly users: UserQueues;
  readonly rows: BacklogRows;
  readonly rests: Rests;
  readonly window: StreamWindow;
  readonly keeper: ItemKeeper;
  readonly ending: AbortController;
  readonly onDelivery: (delivery: InboundDelivery) => void;
}

/** It took effect, or is kept elsewhere. */
export function over(at: BacklogFlow, item: HeldItem): void {
  at.window.forget(item);
  // Once it is known whether it is a row, the row is removed.
  if (item.isMoving) return;
  if (item.isRow) at.rows.remove(item);
  else at.users.forget(item);
}

export function giveBack(at: BacklogFlow, item: HeldItem): void {
  item.giveBack();
  at.window.forget(item);
  if (!item.isMoving) at.users.forget(item);
}

/**
 * It becomes a row, after all of its user's earlier items: the next owner reads rows before the stream gives it
 * anything, and takes them first.
 */
export function move(at: BacklogFlow, item: HeldItem): void {
  const earlier = item.user.onlyInStream(item.position).filter((one) => one instanceof HeldItem);
  for (const one of [...earlier, item]) {
    one.isMoving = true;
    at.rows.add(one);
  }
}

function handOn(at: BacklogFlow, item: HeldItem): void {
  at.users.handOn(item);
  if (item.isOfStream) at.window.add(item);
  if (item instanceof HeldDelivery) at.onDelivery(item);
  else void at.rests.park(item, malformed);
}

export function keepForLater(at: BacklogFlow, item: HeldItem): void {
  const { user } = item;
  if (user.rows + user.moving >= at.limits.rowsPerUserMax) {
    void at.rests.park(item, fullReason(at.limits.rowsPerUserMax));
    return;
  }
  user.moving += 1;
  move(at, item);
}

export function receive(at: BacklogFlow, delivery: InboundDelivery): void {
  const { item, position } = delivery;
  const user = at.users.of(item);
  const place = { position, inboundId: item.inboundId };
  const nowMs = at.clock.monotonicMs();
  const held = new HeldDelivery(at.keeper, user, place, { nowMs, stream: delivery, item });
  at.users.hold(held);
  // Its message comes again although it is at work: a row of it is added again, and found to be there.
  if (user.mustWait(position, at.limits.heldPerUserMax) || user.find(place) !== undefined)
    return keepForLater(at, held);
  const isLate = position <= user.mark.position && (user.rows > 0 || user.moving > 0);
  handOn(at, held);
  if (isLate) move(at, held);
}

/** One for a newer host waits before its user's later ones, so that it keeps its place. */
export function receiveUnread(at: BacklogFlow, delivery: UnreadDelivery): void {
  const { of, text, position } = delivery;
  const name = of ?? unnamed;
  const user = at.users.of(name);
  const place = { position, inboundId: name.inboundId };
  const nowMs = at.clock.monotonicMs();
  const held = new HeldUnread(at.keeper, user, place, { nowMs, stream: delivery, text });
  at.users.hold(held);
  if (of === null) void at.rests.park(held, malformed);
  else keepForLater(at, held);
}

export function onMoved(at: BacklogFlow, items: readonly HeldItem[]): void {
  for (const item of items.toSorted((a, b) => a.position - b.position)) {
    const { user } = item;
    at.window.forget(item);
    item.moved();
    at.users.addRow(user);
    if (!item.isHandedOn) {
      user.moving -= 1;
      user.added += 1;
    }
    if (item.standing === "over") at.rows.remove(item);
    else if (item.standing === "given") at.users.forget(item);
    else if (!item.isHandedOn) goOn(at, item);
  }
}

/** A new row is in memory still: it need not be read if it is next. */
function goOn(at: BacklogFlow, item: HeldItem): void {
  const { user } = item;
  const atWork = user.find(item);
  if (atWork !== undefined) {
    // The row is that one's, and goes with it.
    atWork.isRow = true;
    return at.users.forget(item);
  }
  const isNext = !user.isStuck && user.mayGoOn(item.position, at.limits.heldPerUserMax);
  if (isNext && item instanceof HeldDelivery && !at.ending.signal.aborted) return handOn(at, item);
  user.hasUnread = true;
  at.users.forget(item);
}

export function onRead(
  at: BacklogFlow,
  user: UserQueue,
  found: readonly BacklogItem[],
  isAll: boolean,
): void {
  for (const row of found) {
    if (at.ending.signal.aborted || user.isStuck) break;
    readOne(at, user, row, row.text);
  }
  if (isAll && !user.isStuck) user.hasUnread = false;
  at.users.hasRead(user);
}

function readOne(at: BacklogFlow, user: UserQueue, place: BacklogPlace, text: string): void {
  const read = readItem(text);
  if (read.kind === "newer") {
    user.isStuck = true;
    noteNewer(at, user.key, place.inboundId);
    return;
  }
  const since = { nowMs: at.clock.monotonicMs(), stream: null };
  const held =
    read.kind === "item"
      ? new HeldDelivery(at.keeper, user, place, { ...since, item: read.item })
      : new HeldUnread(at.keeper, user, place, { ...since, text });
  at.users.hold(held);
  handOn(at, held);
}

const noteNewer = (at: BacklogFlow, { account }: ConversationKey, inboundId: string) =>
  at.events.report({
    type: "note",
    account,
    code: "ITEM_NEWER",
    message: `inbound ${inboundId} is of a kind or version that this host does not know; it and the user's later ones wait for a newer host`,
  });

/** Those that cannot become rows: what runs may end, what waits is `left`. */
export function leave(
  at: BacklogFlow,
  items: readonly HeldItem[],
  left: (item: HeldItem) => void,
): void {
  for (const item of items) {
    if (item.isMoving && !item.isHandedOn) item.user.moving -= 1;
    item.isMoving = false;
    if (item.standing !== "open") at.users.forget(item);
    else if (!item.isHandedOn) left(item);
  }
}

const malformed = "ITEM_MALFORMED: the message is no inbound item";

const fullReason = (most: number): string =>
  `BACKLOG_FULL: ${most} messages of this user wait already`;

/** Malformed items belong to no user. */
const unnamed = { channel: "", account: "–", chatUser: "", inboundId: "–" };
