import { JetStreamApiError } from "@nats-io/jetstream";
import { type KV, type KvEntry, Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../../concurrency/clock.ts";
import { wait, within } from "../../concurrency/wait.ts";
import { errorLine, HoldfastError } from "../../errors.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import { replicasOf } from "./server.ts";
import type { RegisterEntry, SharedRegister } from "../../ports/custody/shared-register.ts";

export interface SharedRegisterOptions {
  /** How long one request may take; afterwards its outcome is unknown. */
  readonly timeoutMs: number;
}

/** JetStream's code for a write whose expected revision is not the present one. */
const wrongRevision = 10071;
const reopenDelayMs = 250;
/** The longest election of a cluster's leader, for a new bucket or after the loss of a leader. */
const electionMsMax = 20_000;
const probeKey = "probe";

/**
 * One KV bucket as a register of JSON values. The bucket is made when it is missing.
 * Throws REGISTER_UNAVAILABLE when NATS does not answer or has no JetStream.
 */
export async function openSharedRegister<Value>(
  nats: NatsConnection,
  bucket: string,
  { timeoutMs }: SharedRegisterOptions,
): Promise<SharedRegister<Value>> {
  const kv: KV = await new Kvm(nats)
    .create(bucket, { history: 1, replicas: replicasOf(nats), timeout: Math.max(timeoutMs, 5000) })
    .catch((cause: unknown) => Promise.reject(unavailable(bucket, cause)));

  const clock = createSystemClock();
  const bounded = <Answer>(work: Promise<Answer>): Promise<Answer> =>
    within(clock, timeoutMs, work, () => {
      throw new Error(`no answer within ${timeoutMs} ms`);
    });

  await untilReadable(clock, () => bounded(kv.get(probeKey))).catch((cause: unknown) =>
    Promise.reject(unavailable(bucket, cause)),
  );

  async function entries(): Promise<readonly RegisterEntry<Value>[]> {
    const keys: string[] = [];
    for await (const key of await kv.keys()) keys.push(key);
    const found = await Promise.all(keys.map((key) => kv.get(key)));
    return found.flatMap((entry) => toEntry<Value>(entry) ?? []);
  }

  /** Delivers the standing entries and then the changes; ends when the watch ends. */
  async function follow(
    onEntry: (entry: RegisterEntry<Value>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const changes = await kv.watch();
    const end = () => changes.stop();
    signal.addEventListener("abort", end, { once: true });
    try {
      if (signal.aborted) return end();
      for await (const change of changes) {
        const entry = toEntry<Value>(change);
        if (entry !== null && !signal.aborted) onEntry(entry);
      }
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  return {
    async read(key) {
      try {
        return toEntry<Value>(await bounded(kv.get(key)));
      } catch (cause) {
        throw unavailable(bucket, cause);
      }
    },
    async entries() {
      try {
        return await bounded(entries());
      } catch (cause) {
        throw unavailable(bucket, cause);
      }
    },
    async write(key, value, previous) {
      try {
        // `put` and not `update`, which refuses 0: the sequence of a key that does not exist yet.
        return await bounded(kv.put(key, JSON.stringify(value), { previousSeq: previous }));
      } catch (cause) {
        if (cause instanceof JetStreamApiError && cause.code === wrongRevision) {
          throw conflict(bucket, key, previous, cause);
        }
        throw unknown(bucket, key, cause);
      }
    },
    async watch(onEntry) {
      const stopped = new AbortController();
      const { signal } = stopped;
      const followAgain = () => {
        if (signal.aborted || nats.isClosed()) return;
        follow(onEntry, signal)
          .catch(() => undefined)
          .then(
            () => {
              if (!signal.aborted) setTimeout(followAgain, reopenDelayMs).unref();
            },
            () => undefined,
          );
      };
      followAgain();
      return () => stopped.abort();
    },
  };
}

function toEntry<Value>(entry: KvEntry | null): RegisterEntry<Value> | null {
  if (entry === null || entry.operation !== "PUT" || entry.length === 0) return null;
  return { key: entry.key, value: parsed(entry) as Value, revision: entry.revision };
}

/** null for what is no JSON: one such value must not end the watch of all others. */
function parsed(entry: KvEntry): unknown {
  try {
    return entry.json();
  } catch {
    return null;
  }
}

const next = "Check that NATS runs with JetStream and that HOLDFAST_NATS_URL names it.";

const unavailable = (bucket: string, cause: unknown) =>
  new HoldfastError({
    code: "REGISTER_UNAVAILABLE",
    message: `The register ${bucket} cannot be read: ${errorLine(cause)}.`,
    next,
    policy: "retryable",
    cause,
  });

const unknown = (bucket: string, key: string, cause: unknown) =>
  new HoldfastError({
    code: "REGISTER_UNKNOWN",
    message: `It is not known whether ${key} was written to ${bucket}: ${errorLine(cause)}.`,
    next,
    policy: "retryable",
    cause,
  });

const conflict = (bucket: string, key: string, previous: number, cause: unknown) =>
  new HoldfastError({
    code: "REGISTER_CONFLICT",
    message: `${key} of ${bucket} is no longer at revision ${previous}; nothing was written.`,
    next: "It is read again, and written over what stands there by then.",
    policy: "retryable",
    cause,
  });

/** No event tells that a bucket has a leader, so it is asked again and again. */
async function untilReadable(clock: Clock, read: () => Promise<unknown>): Promise<void> {
  const untilMs = clock.monotonicMs() + electionMsMax;
  for (;;) {
    try {
      await read();
      return;
    } catch (error) {
      if (clock.monotonicMs() > untilMs) throw error;
    }
    await wait(clock, reopenDelayMs);
  }
}
