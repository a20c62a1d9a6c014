import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/transport-node";
import { HoldfastError } from "../../errors.ts";
import type { InboundDelivery, InboundItem, InboundStream } from "../../ports/inbound-stream.ts";

export interface InboundStreamOptions {
  /** Names of stream and consumer, so that tests do not meet. */
  readonly name?: string;
  /** Copies of the stream: 1 for a single server, 3 for a cluster. */
  readonly replicas?: number;
}

const ackWaitMs = 30_000;
const duplicateWindowMs = 120_000;
const streamBytesMax = 1024 ** 3;
const publishTimeoutMs = 2000;
const publishTriesMax = 5;
/** A third of the ack wait: one lost sign of life does no harm. */
const signOfLifeMs = ackWaitMs / 3;

/**
 * The inbound queue on JetStream. Acknowledged messages leave the stream, so that it holds just what no turn
 * has settled. There is one consumer at a time: whoever begins to consume replaces the one before, and gets
 * what that one held at once instead of after its ack wait. A stale consumer's turns are refused by Postgres.
 */
export async function openInboundStream(
  nats: NatsConnection,
  { name = "HOLDFAST_INBOUND", replicas = 1 }: InboundStreamOptions = {},
): Promise<InboundStream> {
  const manager = await jetstreamManager(nats);
  const js = jetstream(nats);
  const prefix = `${name.toLowerCase().replaceAll("_", ".")}`;
  const parked = `${name}_PARKED`;
  await ensureStream(manager, name, `${prefix}.item.>`, replicas, RetentionPolicy.Workqueue);
  await ensureStream(manager, parked, `${prefix}.parked.>`, replicas, RetentionPolicy.Limits);

  return {
    async append(items) {
      await Promise.all(items.map((item) => publish(js, `${prefix}.item`, item)));
    },
    consume: ({ inFlightMax, onDelivery }) =>
      consume({ manager, js, stream: name, inFlightMax }, (message) => {
        const item = message.json<InboundItem>();
        onDelivery(deliveryOf(message, item, () => publish(js, `${prefix}.parked`, item)));
      }),
  };
}

async function ensureStream(
  manager: JetStreamManager,
  name: string,
  subject: string,
  replicas: number,
  retention: RetentionPolicy,
): Promise<void> {
  const known = await manager.streams.info(name).catch(() => null);
  if (known !== null) return;
  await manager.streams.add({
    name,
    subjects: [subject],
    retention,
    storage: StorageType.File,
    discard: retention === RetentionPolicy.Workqueue ? DiscardPolicy.New : DiscardPolicy.Old,
    max_bytes: streamBytesMax,
    duplicate_window: nanos(duplicateWindowMs),
    num_replicas: replicas,
  });
}

/** A timed-out publish has an unknown outcome; sent again under the same id, it is stored once. */
async function publish(js: JetStreamClient, prefix: string, item: InboundItem): Promise<void> {
  const subject = `${prefix}.${token(item.account)}.${token(item.chatUser)}`;
  const msgID = `${item.channel}:${item.account}:${item.inboundId}`;
  for (let tries = 1; ; tries += 1) {
    try {
      await js.publish(subject, JSON.stringify(item), { msgID, timeout: publishTimeoutMs });
      return;
    } catch (cause) {
      if (tries < publishTriesMax) continue;
      throw new HoldfastError({
        code: "INBOUND_UNAVAILABLE",
        message: `NATS did not confirm an inbound message of ${item.account}; it is fetched from Telegram again.`,
        next: "Check that nats-server runs, has JetStream, and has room on its disk.",
        policy: "retryable",
        cause,
      });
    }
  }
}

interface Consuming {
  readonly manager: JetStreamManager;
  readonly js: JetStreamClient;
  readonly stream: string;
  readonly inFlightMax: number;
}

async function consume(
  { manager, js, stream, inFlightMax }: Consuming,
  onMessage: (message: JsMsg) => void,
): Promise<() => Promise<void>> {
  const durable = `${stream}_TURNS`;
  await manager.consumers.delete(stream, durable).catch(() => false);
  await manager.consumers.add(stream, {
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    deliver_policy: DeliverPolicy.All,
    max_ack_pending: inFlightMax,
  });
  const consumer = await js.consumers.get(stream, durable);
  const messages = await consumer.consume({
    max_messages: Math.max(1, Math.ceil(inFlightMax / 2)),
  });
  const ended = (async () => {
    for await (const message of messages) onMessage(message);
  })();
  return async () => {
    await messages.close();
    await ended.catch(() => undefined);
  };
}

function deliveryOf(
  message: JsMsg,
  item: InboundItem,
  parkItem: () => Promise<void>,
): InboundDelivery {
  const alive = setInterval(() => message.working(), signOfLifeMs);
  alive.unref();
  const settle = () => clearInterval(alive);
  return {
    item,
    position: message.seq,
    async done() {
      settle();
      await message.ackAck();
    },
    retry(delayMs) {
      settle();
      message.nak(delayMs);
    },
    async park(reason) {
      await parkItem();
      settle();
      message.term(reason.slice(0, 200));
    },
  };
}

/** What a subject's token may hold. */
const token = (text: string): string => text.replaceAll(/[^A-Za-z0-9_-]/g, "_") || "_";
