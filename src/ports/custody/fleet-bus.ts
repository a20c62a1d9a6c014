import type { GrantRef } from "./gate.ts";

/**
 * Said to every node of the fleet. A hint that makes things fast: it may be lost, late or come twice, and anybody may
 * have said it. Only a signature of the incarnation that it binds makes proof of it.
 */
export type FleetNews =
  /** A token is free again. */
  | ({ readonly type: "freed" } & GrantRef)
  /** A token is connected: its account is served again. */
  | ({ readonly type: "taken" } & GrantRef)
  /**
   * The gate of an incarnation has cut these grants and will never connect under them again. Signed, that
   * is proof for the receiver: it may release that incarnation's tokens under these epochs.
   */
  | {
      readonly type: "let-go";
      readonly incarnation: string;
      readonly grants: readonly GrantRef[];
      readonly signature?: string;
    }
  /**
   * The gate of an incarnation has cut everything and ends: its lease is over. Signed, that is proof for
   * the receiver: it may end the whole incarnation without a wait.
   */
  | {
      readonly type: "ended";
      readonly incarnation: string;
      readonly host: string;
      readonly signature?: string;
    }
  /** Accounts were added. */
  | { readonly type: "accounts" }
  /** Replies of this account were committed. */
  | { readonly type: "replies"; readonly account: string }
  /** A chat user is forgotten: nothing is remembered of them, there or in `everyPlace`. */
  | {
      readonly type: "forgotten";
      readonly channel: string;
      readonly account: string;
      readonly chatUser: string;
    }
  /** Another node may take the turns of these chat users now. */
  | { readonly type: "partition-free"; readonly partition: number };

/** `everything`: the incarnation ends for ever. `token`: only this grant is cut. */
export type FenceRequest =
  | { readonly type: "everything" }
  | { readonly type: "token"; readonly grant: GrantRef };

/** The hosts' messages to each other besides the shared registers. Hides NATS subjects. */
export interface FleetBus {
  tell(news: FleetNews): void;
  onNews(listener: (news: FleetNews) => void): () => void;
  /**
   * Asks the gate of that very incarnation to cut. Resolves with the signature of the one who answered that it has cut
   * and will not connect again: anybody may have answered. `null` means unknown: wait.
   */
  fence(incarnation: string, request: FenceRequest): Promise<string | null>;
  /** Answers fences for one incarnation; the signature with which `handler` resolves goes out. */
  onFence(incarnation: string, handler: (request: FenceRequest) => Promise<string>): () => void;
}
