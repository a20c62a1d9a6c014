import type { ChannelName } from "./channel.ts";
import type { ConversationKey } from "./conversation-store.ts";

/** A reply that was given up: refused for good, or tried for a day. */
export interface UndeliveredReply extends ConversationKey {
  /** Its session and its number there, as in `42:7`. */
  readonly id: string;
  /** The channel's name for the reason, such as USER_IS_BLOCKED. */
  readonly code: string;
  readonly attempts: number;
  /** ISO 8601. */
  readonly at: string;
  /** How its text begins. */
  readonly text: string;
}

/** One that the bot has not heard of; its text is whole. */
export interface UntoldReply extends UndeliveredReply {
  readonly channel: ChannelName;
  /** The chat's address. */
  readonly accessHash: string;
}

/** Whose replies one may name. */
export type NamedAccounts = "all" | readonly string[];

/** Replies that were given up, until a person has them sent again or drops them. Hides SQL. */
export interface UndeliveredReplies {
  /**
   * The newest first; `before`: what the last page ended with. `next`: where the next page begins, null
   * for none.
   */
  list(of: {
    readonly accounts: NamedAccounts;
    readonly before: string | null;
    readonly limit: number;
  }): Promise<{ readonly replies: readonly UndeliveredReply[]; readonly next: string | null }>;
  /**
   * It waits to be sent like a new reply, and what may have arrived is read back first. Answers the account; null: no
   * such reply was given up.
   */
  resend(id: string, accounts: NamedAccounts): Promise<string | null>;
  /** Takes it off the list; it will never be sent. As `resend`. */
  drop(id: string, accounts: NamedAccounts): Promise<string | null>;
  /**
   * Some of the last hour that no bot has heard of. What a bot said because it had heard of one is not among them: it
   * would hear for ever.
   */
  untold(accounts: readonly string[]): Promise<readonly UntoldReply[]>;
  told(ids: readonly string[]): Promise<void>;
}
