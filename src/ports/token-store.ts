import type { TokenContext, TokenEvent, TokenState } from "../../machines/token.ts";

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

export interface IncarnationRecord {
  readonly id: string;
  readonly host: string;
  readonly state: "LIVE" | "REVOKED" | "RELEASED";
  /** Milliseconds since it was revoked or released, by the database's clock; null while LIVE. */
  readonly endedForMs: number | null;
  /** What was recorded of its gate and node when it registered. */
  readonly proof: unknown;
}

/**
 * Who may connect with which authorisation. Hides the SQL and its locks: each event is one statement
 * that applies exactly what the token machine allows, under the row's lock. A grant also requires the
 * incarnation to be LIVE, locked `for share`. Throws `HoldfastError` DATABASE_UNAVAILABLE (retryable,
 * unknown outcome) when Postgres does not answer.
 */
export interface TokenStore {
  apply(ref: SlotRef, event: TokenEvent): Promise<TokenOutcome>;
  read(ref: SlotRef): Promise<TokenRecord | null>;
  /** What an incarnation holds, of one account or of all. */
  heldBy(incarnation: string, account?: string): Promise<readonly TokenRecord[]>;
  /** Those of other accounts than `accounts`, which may be thousands, and those of the accounts in `but`. */
  heldBesides(
    incarnation: string,
    accounts: readonly string[],
    but: readonly string[],
  ): Promise<readonly TokenRecord[]>;

  /** Records a LIVE incarnation of a host; again for a respawned node. Throws INCARNATION_ENDED if it is not LIVE. */
  registerIncarnation(of: {
    readonly id: string;
    readonly host: string;
    readonly proof: Readonly<Record<string, unknown>>;
  }): Promise<void>;
  /** Incarnations of this host other than `id` whose tokens are not all free yet. */
  predecessors(of: {
    readonly id: string;
    readonly host: string;
  }): Promise<readonly IncarnationRecord[]>;
  /** LIVE → REVOKED: nothing is granted to it any more; its tokens become `revoked`. Idempotent. */
  revokeIncarnation(id: string): Promise<void>;
  /** Its tokens become `free`. Only after the revocation was waited out, or its silence was proven. */
  silenceIncarnation(id: string): Promise<void>;
  /** LIVE → RELEASED, when it holds no token any more. */
  releaseIncarnation(id: string): Promise<void>;
}
