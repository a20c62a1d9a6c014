import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import {
  type InboundDelivery,
  type InboundItem,
  type InboundStream,
  type ItemName,
  messageOf,
  positionsPerMessage,
  type UnreadDelivery,
} from "../../ports/conversation/inbound-stream.ts";
import { createMessagePositions } from "./message-positions.ts";
import { readItems } from "../../ports/conversation/item-text.ts";

export interface InboundConsumerOptions {
  readonly manager: JetStreamManager;
  readonly jetstream: JetStreamClient;
  readonly stream: string;
  /** Names this consumer among those of earlier processes; different for every call. */
  newConsumerName(): string;
  /** A delivery is repeated after this time, unless it is settled or reported at work. */
  readonly ackWaitMs: number;
  readonly ackTimeoutMs: number;
  /** Stores a message that can be no turn, with the reason. */
  park(message: { readonly data: string; readonly id: string }, reason: string): Promise<void>;
}

type ConsumeOptions = Parameters<InboundStream["consume"]>[0];

/** Messages of one item or of many (256 KiB), unsettled at once. */
const messagesInFlightMax = 128;
const reopenDelayMs = 250;
/** A delivery is reported at work this many times before its wait runs out. */
const reportsPerWait = 3;

/**
 * Consumes under a consumer of its own. Those of earlier processes are deleted first, so that their
 * unsettled messages come again at once and in order. Otherwise these would come behind newer ones
 * when their wait has run out. A consumer deleted by a successor is opened anew after a moment; a
 * stale owner has stopped by then.
 */
export async function consumeInbound(
  options: InboundConsumerOptions,
  consume: Omit<ConsumeOptions, "partition">,
): Promise<() => Promise<void>> {
  const { manager, jetstream, stream } = options;
  const messagesMax = Math.min(consume.inFlightMax, messagesInFlightMax);
  const unsettled = new Map<number, TakenMessage>();
  const settledWaiters: (() => void)[] = [];
  let stopping = false;
  let messages: ConsumerMessages | null = null;
  let name = "";
  let cancelReopen: (() => void) | null = null;

  const positions = createMessagePositions(consume.after ?? -1);
  const settling: Settling = {
    onSettled(taken) {
      // A stream that was made anew counts its messages from the beginning.
      if (unsettled.get(taken.seq) === taken) unsettled.delete(taken.seq);
      if (unsettled.size === 0) for (const wake of settledWaiters.splice(0)) wake();
    },
    isLast: () => stopping,
  };

  function receive(message: JsMsg): void {
    if (stopping) return;
    const known = unsettled.get(message.seq);
    if (known?.isSame(message) === true) {
      known.message = message;
      return;
    }
    const items = readItems(message.string());
    const first = positions(message.seq, message.info.timestampNanos);
    const taken = new TakenMessage(options, message, settling, { first, count: items.length });
    unsettled.set(taken.seq, taken);
    for (const [index, read] of items.entries()) {
      if (read.kind === "item") consume.onDelivery(new ItemDelivery(taken, index, read.item));
      else {
        const of = read.kind === "newer" ? read.of : null;
        const delivery = new UnreadItem(taken, index, of, read.text);
        if (consume.onUnread === undefined) void leaveUnread(delivery, message.info.deliveryCount);
        else consume.onUnread(delivery);
      }
    }
  }

  async function open(): Promise<void> {
    for await (const { name: earlier } of manager.consumers.list(stream)) {
      await manager.consumers.delete(stream, earlier);
    }
    name = options.newConsumerName();
    await manager.consumers.add(stream, {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(options.ackWaitMs),
      max_ack_pending: messagesMax,
    });
    const consumer = await jetstream.consumers.get(stream, name);
    messages = await consumer.consume({
      max_messages: messagesMax,
      abort_on_missing_resource: true,
      callback: receive,
    });
    if (stopping) await messages.close();
    else void messages.closed().then(reopen);
  }

  function reopen(): void {
    if (stopping) return;
    const timer = setTimeout(() => {
      open().catch(reopen);
    }, reopenDelayMs);
    cancelReopen = () => clearTimeout(timer);
  }

  await open();
  const reporting = setInterval(() => {
    for (const { message } of unsettled.values()) quietly(() => message.working());
  }, options.ackWaitMs / reportsPerWait);

  return async () => {
    if (stopping) return;
    stopping = true;
    cancelReopen?.();
    await messages?.close();
    if (unsettled.size > 0) await new Promise<void>((resolve) => settledWaiters.push(resolve));
    clearInterval(reporting);
    // The next consumer deletes it in any case.
    await manager.consumers.delete(stream, name).catch(() => undefined);
  };
}

const malformed = "ITEM_MALFORMED: the message is no inbound item";
const newerAgainMs = 30_000;
const parkAgainMsMax = 30_000;

/** Where the reader of the stream has no place for such items of its own. Never rejects. */
async function leaveUnread(delivery: UnreadDelivery, deliveryCount: number): Promise<void> {
  if (delivery.of !== null) return delivery.retry(newerAgainMs);
  try {
    await delivery.park(malformed);
  } catch {
    delivery.retry(Math.min(1000 * 2 ** Math.min(deliveryCount, 5), parkAgainMsMax));
  }
}

interface Settling {
  /** Every item of the message is settled. */
  onSettled(taken: TakenMessage): void;
  /** The consumer is deleted when this one is settled: whether the server knows it is waited for. */
  isLast(): boolean;
}

/** Under this id an item is parked once, by its place in the stream. */
const parkedId = (stream: string, position: number): string =>
  `${stream}:${messageOf(position)}:${position % positionsPerMessage}`;

/**
 * A message with items at work, each settled by itself; the message is when all are. If one of them is given back, the
 * message comes again with all of them, and the store knows those that took effect. Classes, here and below: there is
 * one of them for every item.
 */
class TakenMessage {
  readonly #options: InboundConsumerOptions;
  readonly #settling: Settling;
  readonly seq: number;
  /** Position of its first item. */
  readonly first: number;
  readonly #storedAt: number;
  /** As it was delivered last: the acknowledgement goes to that delivery. */
  message: JsMsg;
  #left: number;
  #againMs: number | null = null;

  constructor(
    options: InboundConsumerOptions,
    message: JsMsg,
    settling: Settling,
    items: { readonly first: number; readonly count: number },
  ) {
    this.#options = options;
    this.#settling = settling;
    this.message = message;
    this.seq = message.seq;
    this.#storedAt = message.info.timestampNanos;
    this.first = items.first;
    this.#left = items.count;
  }

  /** Whether `message` is this one once more. */
  isSame(message: JsMsg): boolean {
    return message.seq === this.seq && message.info.timestampNanos === this.#storedAt;
  }

  settleOne(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#acknowledge();
  }

  again(delayMs: number): void {
    this.#againMs = Math.max(this.#againMs ?? 0, delayMs);
  }

  park(position: number, data: string, reason: string): Promise<void> {
    const { stream, park } = this.#options;
    return park({ data, id: parkedId(stream, position) }, reason);
  }

  #acknowledge(): void {
    const { message } = this;
    const againMs = this.#againMs;
    if (againMs !== null) quietly(() => message.nak(againMs));
    else if (this.#settling.isLast()) {
      const settled = () => this.#settling.onSettled(this);
      message.ackAck({ timeout: this.#options.ackTimeoutMs }).then(settled, settled);
      return;
    } else quietly(() => message.ack());
    this.#settling.onSettled(this);
  }
}

class Part {
  readonly position: number;
  readonly #of: TakenMessage;
  #isOpen = true;

  constructor(of: TakenMessage, index: number) {
    this.position = of.first + index;
    this.#of = of;
  }

  done(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#of.settleOne();
  }

  retry(delayMs: number): void {
    if (this.#isOpen) this.#of.again(delayMs);
    this.done();
  }
}

class ItemDelivery extends Part implements InboundDelivery {
  readonly item: InboundItem;

  constructor(of: TakenMessage, index: number, item: InboundItem) {
    super(of, index);
    this.item = item;
  }
}

class UnreadItem extends Part implements UnreadDelivery {
  readonly of: ItemName | null;
  readonly text: string;
  readonly #taken: TakenMessage;

  constructor(of: TakenMessage, index: number, name: ItemName | null, text: string) {
    super(of, index);
    this.#taken = of;
    this.of = name;
    this.text = text;
  }

  async park(reason: string): Promise<void> {
    await this.#taken.park(this.position, this.text, reason);
    this.done();
  }
}

/** With the connection closed there is no server to tell; the stream delivers again. */
function quietly(tell: () => void): void {
  try {
    tell();
  } catch {
    return;
  }
}
