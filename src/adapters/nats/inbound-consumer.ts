import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type {
  InboundDelivery,
  InboundItem,
  InboundStream,
} from "../../ports/conversation/inbound-stream.ts";
import { parseItems } from "./inbound-item.ts";

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

/** Messages of one item or of many (256 KiB), unsettled at once; items beyond `inFlightMax` wait here, parsed. */
const messagesInFlightMax = 128;
const reopenDelayMs = 250;
/** A message that could not be parked comes again after this time. */
const parkAgainMs = 5_000;
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
  { inFlightMax, onDelivery }: Omit<ConsumeOptions, "partition">,
): Promise<() => Promise<void>> {
  const { manager, jetstream, stream } = options;
  const messagesMax = Math.min(inFlightMax, messagesInFlightMax);
  const unsettled = new Set<JsMsg>();
  const settledWaiters: (() => void)[] = [];
  /** Items that came in their messages and wait for room, oldest first. */
  let waiting: InboundDelivery[] = [];
  let delivered = 0;
  let stopping = false;
  let messages: ConsumerMessages | null = null;
  let name = "";
  let cancelReopen: (() => void) | null = null;

  function settled(message: JsMsg): void {
    unsettled.delete(message);
    if (unsettled.size === 0) for (const wake of settledWaiters.splice(0)) wake();
  }

  function deliver(): void {
    while (!stopping && delivered < inFlightMax) {
      const delivery = waiting.shift();
      if (delivery === undefined) return;
      delivered += 1;
      onDelivery(delivery);
    }
  }

  function receive(message: JsMsg): void {
    if (stopping) return;
    unsettled.add(message);
    const deliveries = toDeliveries(options, message, {
      onItemSettled() {
        delivered -= 1;
        deliver();
      },
      onSettled: () => settled(message),
      isLast: () => stopping,
    });
    waiting = waiting.length === 0 ? [...deliveries] : [...waiting, ...deliveries];
    deliver();
  }

  /** Messages of which no item is at work are the next consumer's. */
  function giveBackWaiting(): void {
    const given = waiting;
    waiting = [];
    for (const delivery of given) delivery.retry(0);
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
    for (const message of unsettled) quietly(() => message.working());
  }, options.ackWaitMs / reportsPerWait);

  return async () => {
    if (stopping) return;
    stopping = true;
    cancelReopen?.();
    giveBackWaiting();
    await messages?.close();
    if (unsettled.size > 0) await new Promise<void>((resolve) => settledWaiters.push(resolve));
    clearInterval(reporting);
    // The next consumer deletes it in any case.
    await manager.consumers.delete(stream, name).catch(() => undefined);
  };
}

interface Settling {
  onItemSettled(): void;
  /** Every item of the message is settled. */
  onSettled(): void;
  /** The consumer is deleted when this one is settled: whether the server knows it is waited for. */
  isLast(): boolean;
}

/** More than any message holds. */
const positionsPerMessage = 1000;

/**
 * The items of a message, each settled by itself; the message is when all are. If one of them is given back, the
 * message comes again with all of them, and the store knows those that took effect.
 */
function toDeliveries(
  options: InboundConsumerOptions,
  message: JsMsg,
  settling: Settling,
): readonly InboundDelivery[] {
  const items = parseItems(message.string());
  const taken = new TakenMessage(options, message, settling, items.length);
  return items.flatMap((item, index): readonly InboundDelivery[] => {
    if (item !== null) return [new ItemDelivery(taken, item, index)];
    taken
      .park(index, message.string(), "ITEM_MALFORMED: the message is no inbound item")
      .catch(() => undefined)
      .finally(() => taken.settleOne());
    return [];
  });
}

/** A message with items at work. Classes, here and below: there is one of them for every item. */
class TakenMessage {
  readonly #options: InboundConsumerOptions;
  readonly message: JsMsg;
  readonly settling: Settling;
  #left: number;
  #againMs: number | null = null;

  constructor(options: InboundConsumerOptions, message: JsMsg, settling: Settling, items: number) {
    this.#options = options;
    this.message = message;
    this.settling = settling;
    this.#left = items;
  }

  settleOne(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#acknowledge();
  }

  again(delayMs: number): void {
    this.#againMs = Math.max(this.#againMs ?? 0, delayMs);
  }

  async park(index: number, data: string, reason: string): Promise<void> {
    const { stream, park } = this.#options;
    try {
      await park({ data, id: `${stream}:${this.message.seq}:${index}` }, reason);
    } catch (error) {
      this.again(parkAgainMs);
      throw error;
    }
  }

  #acknowledge(): void {
    const { message, settling } = this;
    const againMs = this.#againMs;
    if (againMs !== null) quietly(() => message.nak(againMs));
    else if (settling.isLast()) {
      const { onSettled } = settling;
      message.ackAck({ timeout: this.#options.ackTimeoutMs }).then(onSettled, onSettled);
      return;
    } else quietly(() => message.ack());
    settling.onSettled();
  }
}

class ItemDelivery implements InboundDelivery {
  readonly item: InboundItem;
  readonly position: number;
  readonly #of: TakenMessage;
  #isOpen = true;

  constructor(of: TakenMessage, item: InboundItem, index: number) {
    this.item = item;
    this.position = of.message.seq * positionsPerMessage + index;
    this.#of = of;
  }

  done(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#of.settleOne();
    this.#of.settling.onItemSettled();
  }

  retry(delayMs: number): void {
    this.#of.again(delayMs);
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
