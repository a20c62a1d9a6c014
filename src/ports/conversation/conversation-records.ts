import type { SessionStatus } from "../../../machines/conversation-rules.ts";
import type { Media } from "../telegram/media.ts";
import type { ConversationKey, StoredToolOutput, TurnReply } from "./conversation-store.ts";

/** A session as a list shows it. */
export interface SessionSummary extends ConversationKey {
  readonly id: string;
  readonly status: SessionStatus;
  readonly turns: number;
  readonly messages: number;
  readonly createdAt: string;
  readonly lastTurnAt: string;
}

/** One turn as it was committed. */
export interface TurnHistory {
  readonly seq: number;
  readonly inboundId: string;
  readonly asked: string;
  readonly media: readonly Media[];
  readonly replies: readonly TurnReply[];
  readonly toolOutputs: readonly StoredToolOutput[];
  readonly at: string;
}

/** A user who is behind: how many messages wait, and since when the oldest does. */
export interface UserBehind extends ConversationKey {
  readonly waiting: number;
  readonly since: string;
}

/** The record of conversations, for people. Hides SQL. */
export interface ConversationRecords {
  /** The newest first; `before`: those that are older than that session. */
  list(of: {
    readonly account?: string;
    readonly limit: number;
    readonly before?: string;
  }): Promise<readonly SessionSummary[]>;
  /** A session with its oldest turns, at most `limit`, from behind the sequence `after` on; null: there is none. */
  show(
    sessionId: string,
    limit: number,
    after?: number,
  ): Promise<{ readonly session: SessionSummary; readonly turns: readonly TurnHistory[] } | null>;
  /** Users whose messages wait in the backlog, those with the most first. */
  behind(of: {
    readonly accounts: "all" | readonly string[];
    readonly limit: number;
  }): Promise<readonly UserBehind[]>;
  /** How many chat users have more than one open session. */
  duplicates(): Promise<number>;
}
