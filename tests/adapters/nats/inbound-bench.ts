import { randomUUID } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { inject } from "vitest";
import { connectNats } from "../../../src/adapters/nats/connection.ts";
import {
  type InboundStreamNames,
  type InboundStreamOptions,
  openInboundStream,
  streamOf,
} from "../../../src/adapters/nats/inbound-stream.ts";
import { partitions } from "../../../src/ports/partitions.ts";
import type {
  InboundDelivery,
  InboundItem,
  InboundStream,
} from "../../../src/ports/inbound-stream.ts";

/** Streams of their own on the run's nats-server, removed with the bench. */
export interface InboundBench {
  readonly names: InboundStreamNames;
  /** The test's own connection. */
  readonly nats: NatsConnection;
  /** A process's stream over a connection of its own. */
  open(change?: Partial<InboundStreamOptions>): Promise<OpenedStream>;
  /** Messages and consumers of the partitions' streams together, or of the parked one. */
  info(
    stream: "inbound" | "parked",
  ): Promise<{ readonly messages: number; readonly consumers: number }>;
  close(): Promise<void>;
}

export interface OpenedStream {
  readonly nats: NatsConnection;
  readonly stream: InboundStream;
}

export async function openInboundBench(): Promise<InboundBench> {
  const id = randomUUID().slice(0, 8);
  const names: InboundStreamNames = {
    stream: `INBOUND_${id}`,
    subjectPrefix: `test.${id}.inbound`,
    parkedStream: `PARKED_${id}`,
    parkedSubject: `test.${id}.parked`,
  };
  const connections: NatsConnection[] = [];
  const connect = async () => {
    const nats = await connectNats(inject("natsUrl"), "test");
    connections.push(nats);
    return nats;
  };
  const nats = await connect();
  const manager = await jetstreamManager(nats);
  return {
    names,
    nats,
    async open(change = {}) {
      const own = await connect();
      const stream = await openInboundStream(own, { host: "test host", names, ...change });
      return { nats: own, stream };
    },
    info: async (which) => {
      const streams =
        which === "parked"
          ? [names.parkedStream]
          : partitions.map((partition) => streamOf(names, partition));
      const infos = await Promise.all(streams.map((name) => manager.streams.info(name)));
      return {
        messages: infos.reduce((sum, { state }) => sum + state.messages, 0),
        consumers: infos.reduce((sum, { state }) => sum + state.consumer_count, 0),
      };
    },
    async close() {
      const streams = partitions.map((partition) => streamOf(names, partition));
      for (const name of [...streams, names.parkedStream]) {
        await manager.streams.delete(name).catch(() => undefined);
      }
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

/** Deliveries as they come, to be waited for. */
export interface Inbox {
  readonly got: InboundDelivery[];
  readonly onDelivery: (delivery: InboundDelivery) => void;
  /** Resolves with the deliveries once there are this many. */
  atLeast(count: number): Promise<readonly InboundDelivery[]>;
}

export function createInbox(): Inbox {
  const got: InboundDelivery[] = [];
  const waiters = new Set<() => void>();
  return {
    got,
    onDelivery(delivery) {
      got.push(delivery);
      for (const look of waiters) look();
    },
    atLeast: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (got.length < count) return;
          waiters.delete(look);
          resolve(got);
        };
        waiters.add(look);
        look();
      }),
  };
}

export const itemOf = (chatUser: string, text: string, account = "site-bot"): InboundItem => ({
  channel: "telegram",
  account,
  chatUser,
  peer: { userId: chatUser, accessHash: "7" },
  inboundId: `m:${text}`,
  kind: "text",
  text,
  receivedAtMs: 0,
});

export const textsOf = (deliveries: readonly InboundDelivery[]): readonly string[] =>
  deliveries.map(({ item }) => item.text);
