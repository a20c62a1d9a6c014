import type { GrantRef } from "./gate.ts";
import type { HoldPromise } from "./hold-promise.ts";

export interface IncarnationRecord {
  readonly id: string;
  readonly host: string;
  readonly state: "LIVE" | "REVOKED" | "RELEASED";
  /** Milliseconds since it was revoked or released, by the database's clock; null while LIVE. */
  readonly endedForMs: number | null;
  /** The record of its gate and node from its registration. */
  readonly proof: unknown;
}

/** An incarnation that may still have something open, as Postgres knows it. */
export interface HolderRecord {
  readonly incarnation: string;
  readonly host: string;
  readonly state: IncarnationRecord["state"];
  /** Tokens that are not free. */
  readonly tokens: number;
}

/** An incarnation's host and promise, as its node recorded them. */
export interface Registration {
  readonly host: string;
  /** null: a version that did not know of promises recorded it. */
  readonly promise: HoldPromise | null;
  /**
   * It can do nothing any more. It was released and holds no token: its gate had cut everything before each was given
   * back. Or its silence was established when its tokens were freed.
   */
  readonly isOver: boolean;
}

/** Postgres's answer to a host's beat. */
export type Beat =
  /** The number of this incarnation's beats; a fall shows that Postgres was restored. */
  | { readonly state: "LIVE"; readonly beats: number }
  | { readonly state: "REVOKED" | "RELEASED" | "MISSING" }
  /** It answers, and another transaction holds the row or the table: nothing was counted. */
  | { readonly state: "LOCKED" };

/**
 * The incarnations of hosts, to which tokens are granted. Hides the SQL and its locks. Each call is
 * one statement, however much the incarnation holds. Throws `HoldfastError` DATABASE_UNAVAILABLE
 * (retryable, unknown outcome) when Postgres does not answer.
 */
export interface IncarnationStore {
  /**
   * Records a LIVE incarnation of a host; again for a respawned node. Host and promise stay as they were
   * recorded first. Throws INCARNATION_ENDED if it is not LIVE, or is another host's.
   */
  register(of: {
    readonly id: string;
    readonly host: string;
    readonly proof: Readonly<Record<string, unknown>>;
    readonly promise?: HoldPromise;
  }): Promise<void>;
  /** null: Postgres does not know it. */
  registration(incarnation: string): Promise<Registration | null>;
  /** Incarnations of this host other than `id` whose tokens are not all free yet. */
  predecessors(of: {
    readonly id: string;
    readonly host: string;
  }): Promise<readonly IncarnationRecord[]>;
  /** Counts a beat of this incarnation. */
  beat(incarnation: string): Promise<Beat>;
  /**
   * A text that is another one as soon as another host has written here: its beat, its beginning or its end. null: a
   * lock keeps it from being read.
   */
  marksOfOthers(incarnation: string): Promise<string | null>;
  /** Incarnations that are LIVE, or not LIVE while a token of theirs is not free. */
  holders(): Promise<readonly HolderRecord[]>;
  /** LIVE or RELEASED → REVOKED, and its tokens `revoked`. Idempotent. `false`: Postgres does not know it. */
  revoke(incarnation: string): Promise<boolean>;
  /**
   * Frees the tokens of a REVOKED incarnation, only while it still is REVOKED. Call it only after
   * the revocation was waited out or its silence was proven. Answers the freed grants.
   */
  silence(incarnation: string): Promise<readonly GrantRef[]>;
  /** LIVE → RELEASED, when it holds no token any more. */
  release(incarnation: string): Promise<void>;
}
