/** What stands in the register of hosts under a host's name. */
export interface LeaseValue {
  /** Rises with every incarnation of the host. */
  readonly generation: number;
  readonly incarnation: string;
  /** Renewals of this incarnation. */
  readonly n: number;
  /** Random, new with each write: the only proof of whose write it was. */
  readonly nonce: string;
  /**
   * `live`: its gate renews it. `released`: its gate gave it up with everything cut. `revoked`: another host took
   * it away; it never becomes live again.
   */
  readonly status: "live" | "released" | "revoked";
  /** A node runs behind the gate and takes accounts. */
  readonly serving: boolean;
}

/** What stands in the register of floors under `<account>.<slot>`: the highest epoch that ever connected. */
export interface FloorValue {
  readonly epoch: number;
  readonly nonce: string;
}

/**
 * What stands in the register of the fleet under `era`. An era ends when Postgres turns out to be older than what
 * the fleet remembers: nothing is granted until everything was let go and the next era has begun.
 */
export interface EraValue {
  readonly era: number;
  /** The incarnation that prepares the next era; null while nothing is wrong. */
  readonly recovering: string | null;
  readonly nonce: string;
}

export const eraKey = "era";
export const floorKey = ({ account, slot }: { account: string; slot: number }): string =>
  `${account}.${slot}`;
/** Host names as keys: the register takes letters, digits, `_` and `-`. */
export const hostKey = (host: string): string => host.replaceAll(/[^A-Za-z0-9_-]/g, "_");
