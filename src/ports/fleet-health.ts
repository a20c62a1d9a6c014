import type { NamedAccounts } from "./conversation/undelivered-replies.ts";

/** Figures that stand in the database. Counts end at `countMax`: that many, or more. */
export interface StoredHealth {
  readonly sessions: {
    readonly active: number;
    /** A person answers. */
    readonly escalated: number;
    /** Begun within 24 hours. */
    readonly createdInDay: number;
    /** Chat users with more than one open session. */
    readonly duplicates: number;
  };
  /** Messages of users who are behind; `oldestMs`: since the oldest was moved there, null for none. */
  readonly backlog: { readonly messages: number; readonly oldestMs: number | null };
  /** Messages that wait for a person's replay. */
  readonly setAside: number;
  readonly replies: {
    readonly waiting: number;
    readonly oldestMs: number | null;
    readonly givenUp: number;
  };
  /** Incarnations of hosts that were revoked within the hour. */
  readonly takeovers: number;
}

/** An incarnation of a host as the database knows it. */
export interface StoredHost {
  readonly incarnation: string;
  /** The host's name. */
  readonly host: string;
  readonly startedMs: number;
  /** By the database's clock; null while it is LIVE. */
  readonly endedForMs: number | null;
  /** Accounts whose tokens it holds. */
  readonly accounts: number;
  /** The partitions whose turns it takes. */
  readonly partitions: readonly number[];
}

/** No figure costs more than a look at so many rows. */
export const countMax = 100_000;

/** The fleet's health as the database knows it. Hides SQL. Errors: DATABASE_UNAVAILABLE. */
export interface FleetHealthStore {
  /** `accounts`: those whose conversations are counted; hosts are counted whoever asks. */
  read(accounts: NamedAccounts): Promise<StoredHealth>;
  /** What is known of these incarnations. */
  hosts(incarnations: readonly string[]): Promise<readonly StoredHost[]>;
}
