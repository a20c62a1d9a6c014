import type { GrantRef } from "../custody/gate.ts";
import type { ChatPeer } from "../telegram/telegram.ts";
import type { ConversationKey, MenuChoice, PartitionClaim } from "./conversation-store.ts";

export interface OutboxItem extends ConversationKey {
  /** Names the reply to `settle`: its session and its number there. */
  readonly id: string;
  readonly peer: ChatPeer;
  readonly inboundId: string;
  readonly replyIndex: number;
  readonly randomId: string;
  readonly body: string;
  readonly menu: readonly MenuChoice[] | null;
  /** Session and message the menu belongs to, for the button's reference. */
  readonly sessionId: string;
  readonly seq: number;
  /** An earlier attempt whose outcome is unknown; settle it by reading back before sending again. */
  readonly attempted: boolean;
}

/** Replies on their way out, in order per chat. Hides SQL. Claims are refused for a token that moved on (I6). */
export interface OutboxStore {
  /**
   * Marks up to `limit` unsent rows as being sent under this grant, oldest first, and answers them. `fresh` rows
   * only, or with `recover` also those that an earlier attempt left behind. null: the token is no longer ours.
   */
  claim(
    grant: GrantRef,
    options: { readonly limit: number; readonly recover: boolean },
  ): Promise<readonly OutboxItem[] | null>;
  settle(
    results: readonly (
      | { readonly id: string; readonly messageId: number }
      | { readonly id: string; readonly failure: string }
      | { readonly id: string; readonly again: true }
    )[],
  ): Promise<void>;
  /** Message ids of this chat that outbox rows already account for, at or above `fromMessageId`. */
  knownMessageIds(key: ConversationKey, fromMessageId: number): Promise<ReadonlySet<number>>;
  /** Which of these accounts have replies that wait; `stranded`: claimed a minute ago or longer, and not settled. */
  waitingAmong(
    accounts: readonly string[],
  ): Promise<readonly { readonly account: string; readonly stranded: boolean }[]>;
}

/** Replies of channels that no token guards: they are for the owner of the partition to send. Hides SQL. */
export interface PartitionReplies {
  /** As `OutboxStore.claim`, under the owner's epoch; null: the partition has another owner now. */
  claim(
    claim: PartitionClaim,
    options: { readonly limit: number; readonly recover: boolean },
  ): Promise<readonly OutboxItem[] | null>;
}
