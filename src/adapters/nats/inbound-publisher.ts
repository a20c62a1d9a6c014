import { type JetStreamClient, JetStreamApiError } from "@nats-io/jetstream";
import { HoldfastError } from "../../errors.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import { partitionOf, partitions } from "../../ports/conversation/partitions.ts";
import type { Positions } from "../../ports/conversation/stream-state.ts";
import { itemText } from "../../ports/conversation/item-text.ts";
import { messageIdOf, partitionSubject } from "./inbound-item.ts";

export interface InboundPublisherOptions {
  readonly jetstream: Pick<JetStreamClient, "publish">;
  readonly subjectPrefix: string;
  readonly publishTimeoutMs: number;
  /** How often Postgres was found to have been restored. */
  readonly era: number;
  /** How often the streams were found to have lost something, as far as this process knows. */
  losses(): number;
  /** Resolves when something new may be stored; rejects when that takes too long. */
  ready(): Promise<void>;
  /** A message was acknowledged at this position of its partition's stream. */
  stored(partition: number, seq: number): void;
  /** Decides when the first items after a pause set out; by default after this turn of the event loop. */
  readonly gather?: (setOut: () => void) => void;
}

/**
 * Of all partitions together. Each costs the server a write and a sync, whatever its size, so under
 * load few messages of many items are cheaper. Measured: see docs/performance.md.
 */
const publishesMax = 3;
const triesMax = 4;
/** Items of one message at most; a message of their bytes is well below the server's limit. */
const itemsMax = 50;
const bytesMax = 256 * 1024;
/** JetStream's codes for a stream that may take no more messages or bytes. */
const fullCodes: ReadonlySet<number> = new Set([10047, 10077]);

interface Appended {
  readonly items: readonly InboundItem[];
  /** The losses that were known when it was appended. */
  readonly losses: number;
  /** With the position of the last message. */
  resolve(seq: number): void;
  reject(error: unknown): void;
}

/**
 * Stores items: each partition's in order, one message after the other, so that a repeated publish
 * cannot be overtaken. Items appended during a publish go into the next message together: the
 * server writes and syncs once for all. A message stored without its acknowledgement is dropped by
 * its id when it is sent again.
 */
export function createInboundPublisher(
  options: InboundPublisherOptions,
): (items: readonly InboundItem[]) => Promise<Positions> {
  const turns = createTurns(publishesMax);
  const lanes = partitions.map((partition) => createLane(options, partition, turns));
  return async (items) => {
    const parts = byPartition(items);
    const ended = await Promise.allSettled(
      [...parts].map(([partition, mine]) => lanes[partition]!(mine)),
    );
    const positions = partitions.map(() => 0);
    const reached = [...parts.keys()];
    for (const [index, end] of ended.entries()) {
      if (end.status === "rejected") throw end.reason;
      positions[reached[index]!] = end.value;
    }
    return positions;
  };
}

function byPartition(items: readonly InboundItem[]): ReadonlyMap<number, readonly InboundItem[]> {
  const parts = new Map<number, InboundItem[]>();
  for (const item of items) {
    const partition = partitionOf(item);
    const part = parts.get(partition);
    if (part === undefined) parts.set(partition, [item]);
    else part.push(item);
  }
  return parts;
}

function createLane(options: InboundPublisherOptions, partition: number, turns: Turns) {
  const subject = partitionSubject(options.subjectPrefix, partition);
  const { gather = setImmediate } = options;
  let queue: Appended[] = [];
  let isRunning = false;

  /** After a loss nothing of before is stored: what was lost is fetched again, and goes first. */
  async function publish(
    texts: readonly string[],
    items: readonly InboundItem[],
    losses: number,
  ): Promise<number> {
    const publishOptions = {
      msgID: messageIdOf(items, options.era),
      timeout: options.publishTimeoutMs,
    };
    let cause: unknown;
    for (let tries = 0; tries < triesMax; tries += 1) {
      try {
        await options.ready();
        if (options.losses() !== losses) break;
        const { seq } = await options.jetstream.publish(
          subject,
          `[${texts.join()}]`,
          publishOptions,
        );
        options.stored(partition, seq);
        return seq;
      } catch (error) {
        cause = error;
        if (error instanceof JetStreamApiError && fullCodes.has(error.code)) throw full(error);
      }
    }
    throw unavailable(cause);
  }

  async function publishAll(items: readonly InboundItem[], losses: number): Promise<number> {
    let from = 0;
    let texts: string[] = [];
    let bytes = 0;
    for (const [index, item] of items.entries()) {
      const text = itemText(item);
      const isTooMuch = texts.length === itemsMax || bytes + text.length > bytesMax;
      if (isTooMuch && texts.length > 0) {
        await publish(texts, items.slice(from, index), losses);
        [from, texts, bytes] = [index, [], 0];
      }
      texts.push(text);
      bytes += text.length;
    }
    return publish(texts, items.slice(from), losses);
  }

  /** If one fails, those behind it fail with it: they must not overtake it. */
  async function run(): Promise<void> {
    while (queue.length > 0) {
      await turns.take();
      const batch = queue;
      queue = [];
      try {
        const losses = Math.min(...batch.map((one) => one.losses));
        const seq = await publishAll(
          batch.flatMap(({ items }) => items),
          losses,
        );
        for (const { resolve } of batch) resolve(seq);
      } catch (error) {
        for (const { reject } of [...batch, ...queue]) reject(error);
        queue = [];
      } finally {
        turns.leave();
      }
    }
    isRunning = false;
  }

  return (items: readonly InboundItem[]): Promise<number> =>
    new Promise((resolve, reject) => {
      queue.push({ items, losses: options.losses(), resolve, reject });
      if (isRunning) return;
      isRunning = true;
      // Further items of this turn of the event loop come along.
      gather(() => void run());
    });
}

/** Lets so many work at a time, in the order in which they came. */
interface Turns {
  take(): Promise<void>;
  leave(): void;
}

function createTurns(count: number): Turns {
  const waiting: (() => void)[] = [];
  let free = count;
  return {
    take() {
      if (free > 0) {
        free -= 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    leave() {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}

const unavailable = (cause: unknown) =>
  new HoldfastError({
    code: "INBOUND_UNAVAILABLE",
    message:
      "The inbound stream does not acknowledge; what was not acknowledged must be appended again.",
    next: "Check that NATS runs with JetStream; nothing is lost, because the update cursor stays behind.",
    policy: "retryable",
    cause,
  });

const full = (cause: unknown) =>
  new HoldfastError({
    code: "INBOUND_FULL",
    message: "The inbound stream is full: messages arrive faster than their turns are taken.",
    next: "See why turns are slow or stopped (holdfast status); messages wait at Telegram meanwhile.",
    policy: "retryable",
    cause,
  });
