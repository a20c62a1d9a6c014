import { randomUUID } from "node:crypto";
import { jetstreamManager, type StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { inject } from "vitest";
import { connectNats } from "../../../src/adapters/nats/connection.ts";
import {
  type InboundStreamNames,
  type InboundStreamOptions,
  openInboundStream,
} from "../../../src/adapters/nats/inbound-stream.ts";
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
  info(stream: "inbound" | "parked"): Promise<StreamInfo>;
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
    info: (stream) =>
      manager.streams.info(stream === "inbound" ? names.stream : names.parkedStream),
    async close() {
      for (const name of [names.stream, names.parkedStream]) {
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
