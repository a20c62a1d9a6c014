/** The value in the register of hosts under a host's name. */
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
  /** The holder's promise (HoldPromise), in milliseconds; a version that did not know of it wrote none. */
  readonly holdMs?: number;
  readonly answerMs?: number;
  /**
   * The channels that this host has settings for. Unsigned: it decides where turns are placed, and nothing else. A
   * version that did not know of it wrote none.
   */
  readonly channels?: readonly string[];
  /**
   * The holder's name as it was given, of which the key may have lost something. Unsigned: it decides nothing, and is
   * for a message. A version that did not know of it wrote none.
   */
  readonly host?: string;
  /** By the incarnation's key. A revocation has none: it is written by another host. */
  readonly signature?: string;
}

/**
 * The value in the register of floors under `<account>.<slot>`: the highest epoch that may ever
 * have connected, and its holder. It is written before the connection. A Postgres restored from an
 * older copy mints an epoch again; the floor shows that before anything is dialled.
 */
export interface FloorValue {
  readonly epoch: number;
  readonly incarnation: string;
  readonly host: string;
  readonly nonce: string;
}

/**
 * The value in the register of the fleet under `era`: the number of times that Postgres was older
 * than the fleet's memory. Messages taken in again afterwards are not duplicates of the lost ones.
 */
export interface EraValue {
  readonly era: number;
  readonly nonce: string;
}

/** The value in the register of the fleet under `id`: whose register this is. */
export interface FleetIdValue {
  /** As Postgres knows the fleet. */
  readonly id: string;
  readonly nonce: string;
}

export const eraKey = "era";
export const fleetIdKey = "id";
export const floorKey = ({ account, slot }: { account: string; slot: number }): string =>
  `${account}.${slot}`;
/**
 * Host names as keys: the register takes letters, digits, `_`, `-` and `.`, the last not at the ends. Two names that
 * differ in other letters alone have one key, and one of them is refused (`LEASE_HELD`): another form of the key would
 * hide the leases of hosts of an earlier version.
 */
export const hostKey = (host: string): string => host.replaceAll(/[^A-Za-z0-9_-]/g, "_");
