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
  /** How often this incarnation has beaten; a count that falls back means that Postgres was restored. */
  | { readonly state: "LIVE"; readonly beats: number }
  | { readonly state: "REVOKED" | "RELEASED" | "MISSING" };

/** A serving slot and its token, with what is known of its holder. */
export interface ServingToken extends TokenRecord {
  readonly keyId: string | null;
  readonly host: string | null;
  /** Since when the token is as it is, milliseconds since 1970 by the database's clock. */
  readonly sinceMs: number;
  /** How the holder's process can be told from others. */
  readonly proof: Readonly<Record<string, unknown>> | null;
}

/**
 * Custody as Postgres arbitrates it across hosts; one statement per call, however many tokens. Beside
 * `TokenStore`, which changes one token at a time. Throws DATABASE_UNAVAILABLE (unknown outcome).
 */
export interface CustodyStore {
  /** Mints the next epoch of a free token: the incarnation must be LIVE (locked for share in the same statement). */
  grant(ref: SlotRef, incarnation: string): Promise<TokenOutcome>;
  /**
   * After a restore: the epoch of this grant was used before, up to `floor`. The grant goes on under the epoch
   * after it, if it still stands and its incarnation is LIVE. null: it does not.
   */
  supersede(grant: GrantRef, incarnation: string, floor: number): Promise<GrantRef | null>;
  /** Releases what a gate let go of, as far as these epochs still stand. Answers what became free. */
  releaseAll(grants: readonly GrantRef[]): Promise<readonly SlotRef[]>;
  /** Which of these tokens are free. */
  freeAmong(refs: readonly SlotRef[]): Promise<readonly SlotRef[]>;
  /** Serving slots with their tokens: of one account, of one key (16 hex digits), or of all. */
  servingTokens(of?: {
    readonly account?: string;
    readonly keyId?: string;
  }): Promise<readonly ServingToken[]>;
  /** Counts a beat of this incarnation. */
  beat(incarnation: string): Promise<Beat>;
  /** Incarnations that are LIVE, or not LIVE while a token of theirs is not free. */
  holders(): Promise<readonly HolderRecord[]>;
  /** LIVE or RELEASED → REVOKED, and its tokens `revoked`. Idempotent. `false`: Postgres does not know it. */
  revoke(incarnation: string): Promise<boolean>;
  /** Frees the tokens of a REVOKED incarnation, only while it still is REVOKED. Answers what became free. */
  silence(incarnation: string): Promise<readonly GrantRef[]>;
}
