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
  /** Of a reply that was attempted; absent: it never was. */
  readonly retry?: {
    readonly attempts: number;
    /** Since its turn's commit, or since a person had it sent again; as of the claim. */
    readonly waitedMs: number;
  };
}

/** The replies that a sender asks for. */
export interface ReplyClaim {
  readonly limit: number;
  /** Of one chat at most: no chat's backlog takes the room of others. */
  readonly perChat: number;
  /** Chat users of whom none are taken now. */
  readonly except: readonly string[];
  /** Chat users whose rest is over. */
  readonly rested: readonly string[];
  /** So is that of every chat that rests because of one of these codes. */
  readonly wake: readonly string[];
}

export interface ClaimedReplies {
  /** In order for each chat; chats in the order of their oldest replies. */
  readonly items: readonly OutboxItem[];
  /** Until the first resting chat is due, milliseconds; null: none rests. */
  readonly restMs: number | null;
}

/** The grant of a sender; `slot` is null for the owner of a partition. */
export interface ClaimedUnder {
  readonly slot: number | null;
  readonly epoch: number;
}

/** The outcome of a claimed reply, as it is written down. */
export type ReplyResult =
  | { readonly id: string; readonly messageId: number }
  /** Given up for good: a person may have it sent again. */
  | { readonly id: string; readonly failure: string }
  /** Nothing was tried: it is as it was. */
  | { readonly id: string; readonly again: true }
  /** Its chat rests that long. `wasTried`: that was an attempt, and it may have arrived. */
  | {
      readonly id: string;
      readonly rest: { readonly ms: number; readonly code: string; readonly wasTried: boolean };
    };

/**
 * Replies on their way out, in order per chat. Hides SQL. Claims are refused for a token that moved
 * on (I6). A chat whose oldest reply rests is passed over: its trouble is its own.
 */
export interface OutboxStore {
  /**
   * Marks unsent replies as being sent under this grant, and answers them: the oldest ones of each
   * chat, the chat that waits longest first. null: the token is no longer ours.
   */
  claim(grant: GrantRef, what: ReplyClaim): Promise<ClaimedReplies | null>;
  /**
   * What an earlier attempt left behind may be claimed again, as attempted; all but the replies `held`.
   * `false`: the token is no longer ours.
   */
  recover(grant: GrantRef, held: readonly string[]): Promise<boolean>;
  /**
   * All together or none. Outcomes are facts, whoever holds the token now. What is to be tried again is given back
   * only where it is still claimed under this grant: its successor may be sending it.
   */
  settle(results: readonly ReplyResult[], under: ClaimedUnder): Promise<void>;
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
  claim(claim: PartitionClaim, what: ReplyClaim): Promise<ClaimedReplies | null>;
  /** As `OutboxStore.recover`. */
  recover(claim: PartitionClaim, held: readonly string[]): Promise<boolean>;
}
