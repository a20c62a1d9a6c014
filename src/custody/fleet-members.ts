import type { Clock } from "../concurrency/clock.ts";
import type { RegisterEntry, SharedRegister } from "../ports/custody/shared-register.ts";
import { type HoldPromise, readPromise } from "../ports/custody/hold-promise.ts";
import type { Signatures } from "../ports/custody/signatures.ts";
import { worthOf } from "./lease-reading.ts";
import { hostKey, type LeaseValue } from "./registers.ts";
import type { Unproven } from "./trusted-bus.ts";

export interface FleetMembersOptions {
  readonly hosts: SharedRegister<LeaseValue>;
  /** This host's own name and incarnation. */
  readonly host: string;
  readonly incarnation: string;
  readonly signatures: Signatures;
  readonly clock: Clock;
  /** A lease that its incarnation did not write was ignored. */
  onUnproven(what: Unproven): void;
  readonly timings: { readonly heartbeatMs: number; readonly suspectMs: number };
}

/** A lease as this node last saw it. */
export interface SeenLease extends LeaseValue {
  readonly key: string;
  readonly revision: number;
}

/**
 * The hosts of the fleet, as their leases show them. Judged by arrivals at this node, not by clocks
 * of others.
 */
export interface FleetMembers {
  /** Resolves when every present lease was read. */
  start(): Promise<void>;
  stop(): void;
  /** Keys of the hosts that renew their lease and take accounts, this one included. */
  serving(): readonly string[];
  /** Every lease, as it was last seen. */
  leases(): readonly SeenLease[];
  /** True when the lease of that incarnation was renewed within the time of suspicion. */
  isLive(incarnation: string): boolean;
  /** As a lease of that incarnation, seen here and signed, told it; null: none was seen. */
  promiseOf(incarnation: string): HoldPromise | null;
  /** Called when a host joins, leaves, falls silent, or starts or stops to take accounts. */
  onChange(listener: () => void): () => void;
  /**
   * Called with each renewal of this host's own lease. NATS was seen to work just now, so silent
   * hosts can be judged.
   */
  onOwnBeat(listener: () => void): () => void;
}

/** Promises of leases are remembered for so many incarnations: a successor writes over their lease. */
const promisesMax = 1000;

interface Seen {
  readonly lease: SeenLease;
  readonly atMs: number;
  /** Own beats seen by then. */
  readonly atBeat: number;
}

export function createFleetMembers(options: FleetMembersOptions): FleetMembers {
  const { hosts, incarnation, signatures, clock, timings } = options;
  const ownKey = hostKey(options.host);
  /** So many own renewals must have been seen while another host's were not. */
  const silentBeats = Math.ceil(timings.suspectMs / timings.heartbeatMs);
  const seen = new Map<string, Seen>();
  const promises = new Map<string, HoldPromise>();
  const changeListeners = new Set<() => void>();
  const beatListeners = new Set<() => void>();
  let beats = 0;
  let servingBefore = "";
  let stopWatching = () => {};
  let stopped = false;

  const isSilent = ({ atMs, atBeat }: Seen): boolean =>
    beats - atBeat >= silentBeats && clock.monotonicMs() - atMs >= timings.suspectMs;
  const isAlive = (one: Seen): boolean => one.lease.status === "live" && !isSilent(one);

  const serving = (): readonly string[] =>
    [...seen.values()]
      .filter((one) => isAlive(one) && one.lease.serving)
      .map(({ lease }) => lease.key)
      .toSorted();

  function tellChange(): void {
    const now = serving().join(" ");
    if (now === servingBefore) return;
    servingBefore = now;
    for (const listener of changeListeners) listener();
  }

  function remember(lease: LeaseValue): void {
    const promise = readPromise(lease);
    if (promise === null || promises.has(lease.incarnation)) return;
    promises.set(lease.incarnation, promise);
    for (const oldest of promises.keys()) {
      if (promises.size <= promisesMax) break;
      promises.delete(oldest);
    }
  }

  function take({ key, value, revision }: RegisterEntry<LeaseValue>): void {
    if (stopped) return;
    const before = seen.get(key);
    // Delivered again after a reconnect: nothing new was heard of that host.
    if (before?.lease.nonce === value?.nonce) return;
    const worth = worthOf(signatures, key, value);
    if (worth === "forged") {
      return options.onUnproven({ kind: "lease", incarnation: `under the name of ${key}` });
    }
    if (worth === "proven") remember(value);
    const isOwnBeat = key === ownKey && value.incarnation === incarnation;
    if (isOwnBeat) beats += 1;
    seen.set(key, {
      lease: { ...value, key, revision },
      atMs: clock.monotonicMs(),
      atBeat: beats,
    });
    tellChange();
    if (isOwnBeat) for (const listener of beatListeners) listener();
  }

  const addTo = (listeners: Set<() => void>) => (listener: () => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };

  return {
    async start() {
      for (const entry of await hosts.entries()) take(entry);
      const unwatch = await hosts.watch(take);
      if (stopped) unwatch();
      else stopWatching = unwatch;
    },
    stop() {
      stopped = true;
      stopWatching();
    },
    serving,
    leases: () => [...seen.values()].map(({ lease }) => lease),
    isLive: (id) => [...seen.values()].some((one) => one.lease.incarnation === id && isAlive(one)),
    promiseOf: (id) => promises.get(id) ?? null,
    onChange: addTo(changeListeners),
    onOwnBeat: addTo(beatListeners),
  };
}
