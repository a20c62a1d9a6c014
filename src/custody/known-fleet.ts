import type { Clock } from "../concurrency/clock.ts";
import type { SharedRegister } from "../ports/custody/shared-register.ts";
import { type FleetIdValue, fleetIdKey } from "./registers.ts";

export interface KnownFleetOptions {
  /** The fleet that this host was recognised in. */
  readonly id: string;
  /** Makes the register where it is missing. */
  openFleet(): Promise<SharedRegister<FleetIdValue>>;
  readonly clock: Clock;
  /** Between two looks, in milliseconds. */
  readonly everyMs: number;
  newNonce(): string;
  /** NATS belongs to another fleet now. */
  onOther(id: string): void;
}

/**
 * Keeps the fleet's id in NATS while a host runs. A NATS that comes back empty gets the id again from a host whose
 * lease still stands: it runs, so the fleet is here. The returned function ends it. Call it only under a lease.
 */
export function keepFleetKnown(options: KnownFleetOptions): () => void {
  const { id, openFleet, clock, everyMs, newNonce, onOther } = options;
  let register: SharedRegister<FleetIdValue> | null = null;
  let cancel = () => {};
  let stopped = false;

  async function look(): Promise<void> {
    register ??= await openFleet();
    const entry = await register.read(fleetIdKey);
    if (stopped || entry?.value.id === id) return;
    if (entry !== null) return onOther(entry.value.id);
    await register.write(fleetIdKey, { id, nonce: newNonce() }, 0);
  }

  function later(): void {
    if (stopped) return;
    cancel = clock.schedule(everyMs, () => {
      // NATS away, or without its buckets: the next look opens the register anew.
      look()
        .catch(() => {
          register = null;
        })
        .then(later, later);
    });
  }

  later();
  return () => {
    stopped = true;
    cancel();
  };
}
