import { randomUUID } from "node:crypto";
import {
  DiscardPolicy,
  jetstream,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos, type NatsConnection } from "@nats-io/transport-node";
import { replicasOf } from "./server.ts";
import { errorLine, HoldfastError } from "../../errors.ts";
import type { InboundStream } from "../../ports/conversation/inbound-stream.ts";
import type { StreamStates } from "../../ports/conversation/stream-state.ts";
import { consumeInbound } from "./inbound-consumer.ts";
import { partitionCount, partitionOf, partitions } from "../../ports/conversation/partitions.ts";
import { itemText } from "../../ports/conversation/item-text.ts";
import { partitionSubject } from "./inbound-item.ts";
import { createInboundPublisher } from "./inbound-publisher.ts";
import { earlierStream } from "./earlier-stream.ts";
import { adoptEarlierParked, type KeepParked } from "./earlier-parked.ts";
import { createStreamStates } from "./stream-states.ts";

export interface InboundStreamOptions {
  /** This host's name in the fleet, for a person who lists the consumers. */
  readonly host: string;
  readonly names?: InboundStreamNames;
  /** Keeps what can be no turn, and what an earlier version set aside in NATS. */
  readonly keepParked: KeepParked;
  /** How often Postgres was found to have been restored; default 0. */
  readonly era?: number;
  /** Default 30 s; work in progress reports itself and may take longer. */
  readonly ackWaitMs?: number;
  /** Default 2 s; a publish is repeated a few times. */
  readonly publishTimeoutMs?: number;
  readonly messagesMax?: number;
}

export interface InboundStreamNames {
  /** Of the partitions' streams: each adds its number. */
  readonly stream: string;
  readonly subjectPrefix: string;
  /** Where an earlier version set messages aside. */
  readonly parkedStream: string;
}

export const defaultNames: InboundStreamNames = {
  stream: "HOLDFAST_INBOUND",
  subjectPrefix: "holdfast.inbound",
  parkedStream: "HOLDFAST_PARKED",
};

const adoptTimeoutMs = 5_000;
export const duplicateWindowMs = 120_000;
/** Of each stream; a message holds one item or many. */
const messagesMaxDefault = 125_000;
const bytesMax = 512 * 1024 * 1024;
const nameInUse = 10058;

/**
 * The inbound stream on JetStream: on disk, bounded; when full it refuses new messages. A message leaves the stream
 * when its turn is committed or set aside. Throws INBOUND_UNAVAILABLE when the server has no JetStream or refuses the
 * streams.
 */
export async function openInboundStream(
  nats: NatsConnection,
  options: InboundStreamOptions,
): Promise<InboundStream & StreamStates> {
  const names = options.names ?? defaultNames;
  const { ackWaitMs = 30_000, publishTimeoutMs = 2_000 } = options;
  const client = jetstream(nats);
  const prepare = () => prepareStreams(nats, names, options.messagesMax ?? messagesMaxDefault);
  const manager = await prepare();
  await adoptEarlierParked({ manager, stream: names.parkedStream, keep: options.keepParked });
  const { ready, stored, losses, ...watched } = createStreamStates({
    nats,
    manager,
    streamOf: (partition) => streamOf(names, partition),
    prepare,
    waitMsMax: publishTimeoutMs,
  });

  return {
    async appendAgain(item, id) {
      // Under an id of its own: within the window, the item's own would make it a duplicate.
      const subject = partitionSubject(names.subjectPrefix, partitionOf(item));
      const publishOptions = { msgID: id, timeout: publishTimeoutMs };
      const text = itemText({ ...item, replay: id });
      await client.publish(subject, `[${text}]`, publishOptions).catch(notAgain);
    },
    append: createInboundPublisher({
      jetstream: client,
      subjectPrefix: names.subjectPrefix,
      publishTimeoutMs,
      era: options.era ?? 0,
      ready,
      stored,
      losses,
    }),
    ...watched,
    async consume({ partition, ...consumeOptions }) {
      const consumed = partition === undefined ? partitions : [partition];
      const stops = await Promise.all(
        consumed.map((one) =>
          consumeInbound(
            {
              manager,
              jetstream: client,
              stream: streamOf(names, one),
              newConsumerName: () => `turns-${hostToken(options.host)}-${randomUUID()}`,
              ackWaitMs,
              ackTimeoutMs: publishTimeoutMs,
              park: ({ data, id }, reason) =>
                options.keepParked({ source: id, data, item: null, reason }),
            },
            consumeOptions,
          ),
        ),
      );
      return async () => {
        await Promise.all(stops.map((stop) => stop()));
      };
    },
  };
}

/** Each partition's own, so that the server writes and syncs them at the same time. */
export const streamOf = ({ stream }: InboundStreamNames, partition: number): string =>
  `${stream}_${partition}`;

async function prepareStreams(
  nats: NatsConnection,
  names: InboundStreamNames,
  messagesMax: number,
): Promise<JetStreamManager> {
  try {
    const manager = await jetstreamManager(nats);
    const shared = {
      storage: StorageType.File,
      num_replicas: replicasOf(nats),
      discard: DiscardPolicy.New,
      duplicate_window: nanos(duplicateWindowMs),
      max_msgs: messagesMax,
    };
    const earlier = earlierStream({
      manager,
      jetstream: jetstream(nats),
      stream: names.stream,
      subjectPrefix: names.subjectPrefix,
      timeoutMs: adoptTimeoutMs,
    });
    const isThere = await earlier.setAside();
    await Promise.all(
      partitions.map((partition) =>
        ensure(manager, {
          ...shared,
          name: streamOf(names, partition),
          subjects: [partitionSubject(names.subjectPrefix, partition)],
          retention: RetentionPolicy.Workqueue,
          max_bytes: bytesMax / partitionCount,
        }),
      ),
    );
    if (isThere) await earlier.adopt();
    return manager;
  } catch (cause) {
    throw new HoldfastError({
      code: "INBOUND_UNAVAILABLE",
      message: `The inbound stream cannot be prepared: ${errorLine(cause)}.`,
      next: "Run nats-server with JetStream enabled and with room for its streams, then start again.",
      policy: "retryable",
      cause,
    });
  }
}

function notAgain(cause: unknown): never {
  throw new HoldfastError({
    code: "INBOUND_UNAVAILABLE",
    message: `The inbound stream does not take the message again: ${errorLine(cause)}.`,
    next: "Check that NATS runs with JetStream, then replay again: what was not taken is still set aside.",
    policy: "retryable",
    cause,
  });
}

async function ensure(
  manager: JetStreamManager,
  config: Partial<StreamConfig> & { readonly name: string },
): Promise<void> {
  try {
    await manager.streams.add(config);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== nameInUse) throw error;
    // Made by another version: the changeable settings are brought up to date.
    const { name, retention: _fixed, ...changeable } = config;
    await manager.streams.update(name, changeable);
  }
}

const hostToken = (host: string): string => host.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 64);
