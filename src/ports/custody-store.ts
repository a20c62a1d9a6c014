import type { GrantRef } from "./gate.ts";
import type { SlotRef, TokenOutcome, TokenRecord } from "./token-store.ts";

/** An incarnation that may still have something open, as Postgres knows it. */
export interface HolderRecord {
  readonly incarnation: string;
  readonly host: string;
  readonly state: "LIVE" | "REVOKED" | "RELEASED";
  /** Tokens that are not free. */
  readonly tokens: number;
}

/** What Postgres answers to a host's beat. */
export type Beat =
  /** `beats`: how often this incarnation has beaten; one that falls back means that Postgres was restored. */
  | { readonly state: "LIVE"; readonly beats: number; readonly era: number }
  | { readonly state: "REVOKED" | "RELEASED" | "MISSING"; readonly era: number };

/** A serving slot and its token, for whoever decides where accounts run. */
export interface ServingToken extends TokenRecord {
  readonly host: string | null;
}

/**
 * Custody as Postgres arbitrates it across hosts; one statement per call, however many tokens. Beside
 * `TokenStore`, which changes one token at a time. Throws DATABASE_UNAVAILABLE (unknown outcome).
 */
export interface CustodyStore {
  /**
   * Mints the next epoch of a free token: the incarnation must be LIVE (locked for share in the same statement)
   * and the era the present one.
   */
  grant(ref: SlotRef, incarnation: string, era: number): Promise<TokenOutcome>;
  /** Releases what a gate let go of, as far as these epochs still stand. Answers what became free. */
  releaseAll(grants: readonly GrantRef[]): Promise<readonly SlotRef[]>;
  /** Which of these tokens are free. */
  freeAmong(refs: readonly SlotRef[]): Promise<readonly SlotRef[]>;
  /** Every account's serving slot with its token and the host of its holder. */
  servingTokens(): Promise<readonly ServingToken[]>;
  /** Counts a beat of this incarnation. */
  beat(incarnation: string): Promise<Beat>;
  /** Incarnations that are LIVE, or not LIVE while a token of theirs is not free. */
  holders(): Promise<readonly HolderRecord[]>;
  /** LIVE → REVOKED, and its tokens `revoked`. Idempotent. `false`: Postgres does not know it. */
  revoke(incarnation: string): Promise<boolean>;
  /** Frees the tokens of a REVOKED incarnation, only while it still is REVOKED. Answers what became free. */
  silence(incarnation: string): Promise<readonly GrantRef[]>;
  /**
   * Begins an era after a restore: every incarnation REVOKED, every token free with an epoch above both its own and
   * its floor. Only if the era is still `from`. Idempotent: `false` when the era has moved on.
   */
  beginEra(change: {
    readonly from: number;
    readonly to: number;
    readonly floors: readonly GrantRef[];
  }): Promise<boolean>;
}
