import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { InboundDelivery, InboundStream } from "../../ports/inbound-stream.ts";
import { parseItem, partitionSubject } from "./inbound-item.ts";

export interface InboundConsumerOptions {
  readonly manager: JetStreamManager;
  readonly jetstream: JetStreamClient;
  readonly stream: string;
  readonly subjectPrefix: string;
  /** Names this consumer's process among those of earlier ones; different for every call. */
  newConsumerName(): string;
  /** A delivery that is neither settled nor reported at work for this long is delivered again. */
  readonly ackWaitMs: number;
  readonly ackTimeoutMs: number;
  /** Stores what can never succeed, with the reason. */
  park(message: { readonly data: Uint8Array; readonly id: string }, reason: string): Promise<void>;
}

type ConsumeOptions = Parameters<InboundStream["consume"]>[0];

const reopenDelayMs = 250;
/** A delivery is reported at work this many times before its wait runs out. */
const reportsPerWait = 3;

/**
 * Consumes under a consumer of its own. Those of earlier processes are deleted first: what they had taken and not
 * settled comes again at once and in order, instead of behind newer messages when its wait has run out. A consumer
 * that a successor deletes is opened anew after a moment; an owner that is stale has stopped by then.
 */
export async function consumeInbound(
  options: InboundConsumerOptions,
  { partition, inFlightMax, onDelivery }: ConsumeOptions,
): Promise<() => Promise<void>> {
  const { manager, jetstream, stream } = options;
  const prefix = partition === undefined ? "all-" : `part-${partition}-`;
  /** Of this share, or of a version that knew none: two consumers of a message exclude each other. */
  const isRival = (other: string) =>
    partition === undefined || other.startsWith(prefix) || !other.startsWith("part-");
  const unsettled = new Set<JsMsg>();
  const settledWaiters: (() => void)[] = [];
  let stopping = false;
  let messages: ConsumerMessages | null = null;
  let name = "";
  let cancelReopen: (() => void) | null = null;

  function settled(message: JsMsg): void {
    unsettled.delete(message);
    if (unsettled.size === 0) for (const wake of settledWaiters.splice(0)) wake();
  }

  function receive(message: JsMsg): void {
    if (stopping) return;
    unsettled.add(message);
    const delivery = toDelivery(options, message, {
      onSettled: () => settled(message),
      isLast: () => stopping,
    });
    if (delivery !== null) onDelivery(delivery);
  }

  async function open(): Promise<void> {
    for await (const { name: earlier } of manager.consumers.list(stream)) {
      if (isRival(earlier)) await manager.consumers.delete(stream, earlier);
    }
    name = `${prefix}${options.newConsumerName()}`;
    await manager.consumers.add(stream, {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ...(partition !== undefined && {
        filter_subject: `${partitionSubject(options.subjectPrefix, partition)}.>`,
      }),
      ack_wait: nanos(options.ackWaitMs),
      max_ack_pending: inFlightMax,
    });
    const consumer = await jetstream.consumers.get(stream, name);
    messages = await consumer.consume({
      max_messages: inFlightMax,
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
    await messages?.close();
    if (unsettled.size > 0) await new Promise<void>((resolve) => settledWaiters.push(resolve));
    clearInterval(reporting);
    // The next consumer deletes it in any case.
    await manager.consumers.delete(stream, name).catch(() => undefined);
  };
}

interface Settling {
  onSettled(): void;
  /** The consumer is deleted when this one is settled: whether the server knows it is waited for. */
  isLast(): boolean;
}

/** null for a message that is no item: it is parked here. */
function toDelivery(
  options: InboundConsumerOptions,
  message: JsMsg,
  { onSettled, isLast }: Settling,
): InboundDelivery | null {
  const acknowledge = () => message.ackAck({ timeout: options.ackTimeoutMs });
  const park = async (reason: string) => {
    try {
      await options.park({ data: message.data, id: `${options.stream}:${message.seq}` }, reason);
      await acknowledge();
    } finally {
      onSettled();
    }
  };
  const item = parseItem(message.string());
  if (item === null) {
    park("ITEM_MALFORMED: the message is no inbound item").catch(() => undefined);
    return null;
  }
  return {
    item,
    position: message.seq,
    done() {
      if (isLast()) {
        acknowledge().then(onSettled, onSettled);
        return;
      }
      quietly(() => message.ack());
      onSettled();
    },
    retry(delayMs) {
      quietly(() => message.nak(delayMs));
      onSettled();
    },
    park,
  };
}

/** With the connection closed there is nobody to tell; the stream delivers again. */
function quietly(tell: () => void): void {
  try {
    tell();
  } catch {
    return;
  }
}
