import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { partitions } from "../../ports/conversation/partitions.ts";
import type { StreamState, StreamStates } from "../../ports/conversation/stream-state.ts";
import { unlessAbsent } from "./absent.ts";

export interface StreamStatesOptions {
  readonly nats: NatsConnection;
  readonly manager: JetStreamManager;
  streamOf(partition: number): string;
  /** Makes the streams that are not there. */
  prepare(): Promise<unknown>;
  /** A publish waits this long at most for the checks after a connection has come back. */
  readonly waitMsMax: number;
}

const checkAgainMs = 250;

/**
 * How the partitions' streams are, and a hold on publishing: from a lost connection until the checks have run that
 * follow its return. A server that comes back may be an older copy of itself.
 */
export function createStreamStates(options: StreamStatesOptions): StreamStates & {
  ready(): Promise<void>;
  stored(partition: number, seq: number): void;
  losses(): number;
} {
  const { nats, manager } = options;
  const checks: (() => Promise<void>)[] = [];
  const waiting = new Set<() => void>();
  let acknowledged = partitions.map(() => 0);
  let losses = 0;
  let isHeld = false;
  /** Counts connections: a check of an earlier one ends no hold. */
  let connection = 0;

  function release(): void {
    isHeld = false;
    for (const go of waiting) go();
    waiting.clear();
  }

  function check(of: number): void {
    if (of !== connection || nats.isClosed()) return;
    Promise.all(checks.map((one) => one())).then(
      () => {
        if (of === connection) release();
      },
      () => void setTimeout(() => check(of), checkAgainMs),
    );
  }

  async function follow(): Promise<void> {
    for await (const { type } of nats.status()) {
      if (type === "disconnect") {
        isHeld = true;
        connection += 1;
      }
      if (type === "reconnect") check(connection);
    }
  }
  // It ends with the connection.
  follow().catch(release);

  async function state(partition: number): Promise<StreamState | null> {
    const info = await unlessAbsent(manager.streams.info(options.streamOf(partition)));
    if (info === null) return null;
    const { messages, first_seq: firstSeq, last_seq: lastSeq } = info.state;
    const settledSeq = messages === 0 ? lastSeq : firstSeq - 1;
    return { partition, created: info.created, settledSeq, lastSeq };
  }

  const all = () => Promise.all(partitions.map(state));

  return {
    async states() {
      let found = await all();
      if (found.includes(null)) {
        await options.prepare();
        found = await all();
      }
      const there = found.filter((one) => one !== null);
      if (there.length < found.length)
        throw new Error("a stream was removed as soon as it was made");
      return there;
    },
    acknowledged: () => [...acknowledged],
    losses: () => losses,
    forgetAcknowledged() {
      losses += 1;
      acknowledged = partitions.map(() => 0);
    },
    stored(partition, seq) {
      acknowledged[partition] = Math.max(acknowledged[partition] ?? 0, seq);
    },
    onBack: (listener) => void checks.push(listener),
    ready() {
      if (!isHeld) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const go = () => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          waiting.delete(go);
          reject(new Error("the streams were not checked in time"));
        }, options.waitMsMax);
        waiting.add(go);
      });
    },
  };
}
