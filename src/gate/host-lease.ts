import { randomUUID } from "node:crypto";
import { type KV, Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { HoldfastError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { LeaseDeadline, Moment } from "./lease-deadline.ts";

/** What stands in the bucket `HOLDFAST_HOSTS` under the host's name. */
interface LeaseValue {
  readonly generation: number;
  readonly incarnation: string;
  readonly n: number;
  readonly nonce: string;
  readonly released?: true;
}

export interface HostLeaseOptions {
  readonly nats: NatsConnection;
  readonly host: string;
  readonly incarnation: string;
  readonly deadline: LeaseDeadline;
  readonly clock: Clock;
  readonly timings: {
    readonly heartbeatMs: number;
    readonly retryMs: number;
    readonly casTimeoutMs: number;
    readonly suspectMs: number;
  };
  /** The lease is over and cannot come back: cut, and end this process. */
  onLatched(why: string): void;
}

/** One lease per host, renewed by compare-and-set; only an acknowledgement extends it. */
export interface HostLease {
  /** Takes the lease; waits out a predecessor's. Throws LEASE_HELD while another gate renews it. */
  acquire(): Promise<void>;
  /** Gives it up, so that a successor need not wait. */
  release(): Promise<void>;
  readonly renewals: number;
}

const bucketName = "HOLDFAST_HOSTS";

export function createHostLease(options: HostLeaseOptions): HostLease {
  const { nats, host, incarnation, deadline, clock, timings } = options;
  const key = host.replaceAll(/[^A-Za-z0-9_-]/g, "_");
  let bucket: KV;
  let revision = 0;
  let value: LeaseValue = { generation: 0, incarnation, n: 0, nonce: "" };
  let stopped = false;
  let renewals = 0;
  let cancel = () => {};

  async function write(next: LeaseValue, sentAt: Moment): Promise<void> {
    // `put` and not `update`, which refuses 0: the sequence of a key that does not exist yet.
    revision = await bucket.put(key, JSON.stringify(next), { previousSeq: revision });
    value = next;
    if (!deadline.extend(sentAt)) throw new Error("the renewal came too late");
  }

  /** After an unknown outcome: only our own outstanding nonce says that the write was ours. */
  async function settle(next: LeaseValue, sentAt: Moment): Promise<boolean> {
    const entry = await bucket.get(key);
    if (entry === null) return false;
    const found = entry.json<LeaseValue>();
    if (found.nonce === next.nonce) {
      revision = entry.revision;
      value = next;
      return deadline.extend(sentAt);
    }
    if (found.nonce !== value.nonce) {
      latch(`the lease of ${host} was taken by incarnation ${found.incarnation}`);
    }
    return false;
  }

  function latch(why: string): void {
    if (stopped) return;
    stopped = true;
    cancel();
    deadline.latch();
    options.onLatched(why);
  }

  async function renew(): Promise<void> {
    if (stopped) return;
    if (!deadline.isAlive()) return latch(`the lease of ${host} ran out before it was renewed`);
    const sentAt = deadline.note();
    const next = { ...value, n: value.n + 1, nonce: randomUUID() };
    let waitMs = timings.heartbeatMs;
    try {
      await write(next, sentAt);
      renewals += 1;
    } catch {
      const ours = await settle(next, sentAt).catch(() => false);
      if (!ours) waitMs = timings.retryMs;
    }
    if (!stopped) cancel = clock.schedule(waitMs, () => void renew());
  }

  /** Ends the hold on time even when no renewal answers at all. */
  function watchDeadline(): void {
    if (stopped) return;
    if (!deadline.isAlive())
      return latch(`the lease of ${host} ran out: NATS did not acknowledge a renewal`);
    clock.schedule(Math.max(1, Math.min(deadline.leftMs, timings.heartbeatMs)), watchDeadline);
  }

  async function standsStill(nonce: string): Promise<boolean> {
    await new Promise<void>((resolve) => clock.schedule(timings.suspectMs, resolve));
    const entry = await bucket.get(key);
    return entry === null || entry.json<LeaseValue>().nonce === nonce;
  }

  return {
    get renewals() {
      return renewals;
    },
    async acquire() {
      bucket = await new Kvm(nats).create(bucketName, { history: 1 });
      const entry = await bucket.get(key);
      const found = entry === null || entry.length === 0 ? null : entry.json<LeaseValue>();
      if (found !== null && found.released !== true && !(await standsStill(found.nonce))) {
        throw leaseHeld(host, found.incarnation);
      }
      revision = entry?.revision ?? 0;
      const generation = (found?.generation ?? 0) + 1;
      const sentAt = deadline.note();
      await write({ generation, incarnation, n: 0, nonce: randomUUID() }, sentAt).catch(
        (cause: unknown) => Promise.reject(leaseHeld(host, "another gate", cause)),
      );
      cancel = clock.schedule(timings.heartbeatMs, () => void renew());
      watchDeadline();
    },
    async release() {
      stopped = true;
      cancel();
      deadline.latch();
      const last = { ...value, n: value.n + 1, nonce: randomUUID(), released: true as const };
      const expected = { previousSeq: revision };
      await bucket.put(key, JSON.stringify(last), expected).catch(() => undefined);
    },
  };
}

function leaseHeld(host: string, holder: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: "LEASE_HELD",
    message: `Another gate holds the lease of host "${host}" and renews it (${holder}).`,
    next: "Stop it, or give this host a name of its own in HOLDFAST_HOST.",
    cause,
  });
}
