import type { TokenContext, TokenState } from "../../../machines/token.ts";
import type { GrantRef } from "./gate.ts";

/** Names one authorisation. */
export interface SlotRef {
  readonly account: string;
  readonly slot: number;
}

export interface TokenRecord extends SlotRef, TokenContext {
  readonly state: TokenState;
  /** The last epoch under which it came to be connected; 0: never. */
  readonly connectedEpoch: number;
}

/** `applied: false` means that the token's state, epoch or holder does not allow the event; nothing changed. */
export type TokenOutcome =
  | { readonly applied: true; readonly token: TokenRecord }
  | { readonly applied: false; readonly token: TokenRecord | null };

/** A serving slot and its token, with facts about its holder. */
export interface ServingToken extends TokenRecord {
  readonly keyId: string | null;
  readonly host: string | null;
  /** Since when the token is as it is, milliseconds since 1970 by the database's clock. */
  readonly sinceMs: number;
  /** How the holder's process can be told from others. */
  readonly proof: Readonly<Record<string, unknown>> | null;
}

/**
 * The right to connect with each authorisation, as Postgres arbitrates it across hosts. Hides the
 * SQL and its locks. Each call is one statement for any number of tokens. It applies exactly the
 * moves that the token machine allows, under the row's lock. Throws `HoldfastError`
 * DATABASE_UNAVAILABLE (retryable, unknown outcome) when Postgres does not answer.
 */
export interface TokenStore {
  /** Mints the next epoch of a free token: the incarnation must be LIVE (locked for share in the same statement). */
  grant(ref: SlotRef, incarnation: string): Promise<TokenOutcome>;
  /**
   * After a restore: the epoch of this grant was used before, up to `floor`. The grant goes on under the epoch
   * after it, if it still stands and its incarnation is LIVE. null: it does not.
   */
  supersede(grant: GrantRef, incarnation: string, floor: number): Promise<GrantRef | null>;
  /** The holder has connected under this grant. */
  connected(grant: GrantRef): Promise<TokenOutcome>;
  /** The holder begins nothing new under this grant. */
  drain(grant: GrantRef): Promise<TokenOutcome>;
  /**
   * The holder has nothing open under this grant any more.
   * @param serverSalt is left to the next holder; by default the one before stays
   */
  released(grant: GrantRef, serverSalt?: string | null): Promise<TokenOutcome>;
  /**
   * Releases the grants that this incarnation let go, as far as it holds them and these epochs still stand. Answers the
   * freed slots.
   */
  releaseAll(grants: readonly GrantRef[], incarnation: string): Promise<readonly SlotRef[]>;
  /** Which of these tokens are free. */
  freeAmong(refs: readonly SlotRef[]): Promise<readonly SlotRef[]>;
  read(ref: SlotRef): Promise<TokenRecord | null>;
  /** The tokens of an incarnation, of one account or of all. */
  heldBy(incarnation: string, account?: string): Promise<readonly TokenRecord[]>;
  /** Those of other accounts than `accounts`, which may be thousands, and those of the accounts in `but`. */
  heldBesides(
    incarnation: string,
    accounts: readonly string[],
    but: readonly string[],
  ): Promise<readonly TokenRecord[]>;
  /** Serving slots with their tokens: of one account, of one key (16 hex digits), or of all. */
  serving(of?: {
    readonly account?: string;
    readonly keyId?: string;
  }): Promise<readonly ServingToken[]>;
}
