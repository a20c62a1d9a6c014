import type { SessionStatus } from "../../../machines/conversation-rules.ts";

/** What a person says in a session, in the bot's place. */
export interface PersonReply {
  readonly session: string;
  /** As of a turn; the same twice is said once. */
  readonly inboundId: string;
  /** In order, one or more. */
  readonly messages: readonly { readonly body: string; readonly randomId: string }[];
}

export type PersonReplyOutcome =
  /** `repeated`: it was said before, under the same inbound id. */
  | { readonly status: SessionStatus; readonly repeated: boolean }
  /** `no address`: nothing was ever sent to that user, so that the address of their chat is not kept. */
  | "no open session"
  | "no address";

/** Answers of people. Hides SQL. */
export interface PersonReplies {
  /** One statement: the session's history and the replies to send, together or not at all. */
  say(reply: PersonReply): Promise<PersonReplyOutcome>;
}

/** No message of a user has such an id. */
export const personInboundId = (key: string): string => `person:${key}`;
