import { type JetStreamClient, JetStreamApiError } from "@nats-io/jetstream";
import { HoldfastError } from "../../errors.ts";
import type { InboundItem } from "../../ports/inbound-stream.ts";
import { itemMessageId, itemSubject, itemUser } from "./inbound-item.ts";

export interface InboundPublisherOptions {
  readonly jetstream: Pick<JetStreamClient, "publish">;
  readonly subjectPrefix: string;
  readonly publishTimeoutMs: number;
  /** How often Postgres was found to have been restored. */
  readonly era: number;
}

const triesMax = 4;
const usersAtOnceMax = 64;
/** JetStream's codes for a stream that may take no more messages or bytes. */
const fullCodes: ReadonlySet<number> = new Set([10047, 10077]);

/**
 * Stores items: users in parallel, each user's one after the other, so that a repeated publish cannot be
 * overtaken. An item that was stored although its acknowledgement got lost is dropped by its message id.
 */
export function createInboundPublisher(
  options: InboundPublisherOptions,
): (items: readonly InboundItem[]) => Promise<void> {
  const tails = new Map<string, Promise<void>>();

  async function publish(item: InboundItem): Promise<void> {
    const publishOptions = {
      msgID: itemMessageId(item, options.era),
      timeout: options.publishTimeoutMs,
    };
    const subject = itemSubject(options.subjectPrefix, item);
    let cause: unknown;
    for (let tries = 0; tries < triesMax; tries += 1) {
      try {
        await options.jetstream.publish(subject, JSON.stringify(item), publishOptions);
        return;
      } catch (error) {
        cause = error;
        if (error instanceof JetStreamApiError && fullCodes.has(error.code)) throw full(error);
      }
    }
    throw unavailable(cause);
  }

  /** After what is already on its way for this user; if that fails, this fails with it and cannot overtake it. */
  function publishInOrder(user: string, items: readonly InboundItem[]): Promise<void> {
    const before = tails.get(user) ?? Promise.resolve();
    const mine = before.then(async () => {
      for (const item of items) await publish(item);
    });
    tails.set(user, mine);
    return mine.finally(() => {
      if (tails.get(user) === mine) tails.delete(user);
    });
  }

  return async (items) => {
    const groups = [...groupByUser(items)];
    const worker = async () => {
      for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
        await publishInOrder(...group);
      }
    };
    const workers = Array.from({ length: Math.min(groups.length, usersAtOnceMax) }, worker);
    const ended = await Promise.allSettled(workers);
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  };
}

function groupByUser(items: readonly InboundItem[]): ReadonlyMap<string, readonly InboundItem[]> {
  const groups = new Map<string, InboundItem[]>();
  for (const item of items) {
    const user = itemUser(item);
    const group = groups.get(user);
    if (group === undefined) groups.set(user, [item]);
    else group.push(item);
  }
  return groups;
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
