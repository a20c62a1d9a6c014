import type { ConversationRules, SessionStatus } from "../../../../machines/conversation-rules.ts";
import type { SessionRow } from "../../../adapters/postgres/conversation-rows.ts";
import type { ChannelName } from "../../../ports/conversation/channel.ts";
import type {
  MenuChoice,
  StoredToolOutput,
  UserContext,
} from "../../../ports/conversation/conversation-store.ts";

/** A session's row. */
export interface Session {
  readonly id: string;
  readonly user: string;
  status: SessionStatus;
  turns: number;
  lastSeq: number;
  snapshot: unknown;
  context: UserContext | null;
  lastTurnMs: number;
  /** Its turns when a person gave it back to the bot; null: none has. */
  returnedTurns: number | null;
}

/** A committed turn. */
export interface Turn {
  readonly session: string;
  readonly createdMs: number;
  readonly seq: number;
  readonly asked: string;
  readonly inboundId: string;
  readonly media: NonNullable<SessionRow["said"]>[number][3];
  readonly replies: readonly {
    readonly body: string;
    readonly menu: readonly MenuChoice[] | null;
  }[];
  readonly toolOutputs: readonly StoredToolOutput[] | null;
}

/** A reply on its way out. */
export interface Reply {
  readonly session: string;
  readonly seq: number;
  readonly channel: ChannelName;
  readonly account: string;
  readonly chatUser: string;
  readonly accessHash: string;
  readonly inboundId: string;
  readonly replyIndex: number;
  readonly randomId: string;
  readonly body: string;
  readonly menu: readonly MenuChoice[] | null;
  /** null: the holder of the account's token sends it. */
  readonly partition: number | null;
  readonly createdMs: number;
  state: "pending" | "sending" | "sent" | "failed";
  slot: number | null;
  epoch: number | null;
  attempts: number;
  nextMs: number;
  failure: string | null;
  messageId: number | null;
  changedMs: number;
}

/** The tables that turns write, as the database has them. */
export interface TurnTables {
  readonly nowMs: () => number;
  readonly rules: ConversationRules;
  readonly partitions: Map<number, { epoch: number; owner: string | null }>;
  /** By id. */
  readonly sessions: Map<string, Session>;
  /** The open session of each user, and their newest one. */
  readonly open: Map<string, Session>;
  readonly newest: Map<string, Session>;
  readonly turnsOf: Map<string, Turn[]>;
  /** The marks of messages that took effect, by channel, account and inbound id: they outlive the turns. */
  readonly taken: Set<string>;
  /** Sessions that were erased, as their users were forgotten. */
  readonly erased: Set<string>;
  /** Users who were forgotten. */
  readonly forgotten: Set<string>;
  /** By session and number, as in `42:7`. */
  readonly replies: Map<string, Reply>;
  /** The one with the highest number, by session. */
  readonly newestReplies: Map<string, Reply>;
  /** Those that are neither sent nor given up, in their order. */
  readonly unsent: Map<string, Reply>;
  /** Those that were given up, also where their rows are gone. */
  readonly givenUp: Reply[];
  /** The id of the newest session. */
  lastSession: number;
}

export const createTurnTables = (rules: ConversationRules, nowMs: () => number): TurnTables => ({
  nowMs,
  rules,
  partitions: new Map(),
  sessions: new Map(),
  open: new Map(),
  newest: new Map(),
  turnsOf: new Map(),
  taken: new Set(),
  erased: new Set(),
  forgotten: new Set(),
  replies: new Map(),
  newestReplies: new Map(),
  unsent: new Map(),
  givenUp: [],
  lastSession: 0,
});

export const userKey = (of: {
  readonly channel: string;
  readonly account: string;
  readonly chatUser: string;
}): string => `${of.channel}\n${of.account}\n${of.chatUser}`;

export const turnKey = (channel: string, account: string, inboundId: string): string =>
  `${channel}\n${account}\n${inboundId}`;

export const isOwner = (
  { partitions }: Pick<TurnTables, "partitions">,
  { partition, epoch }: { readonly partition: number; readonly epoch: number },
): boolean => partitions.get(partition)?.epoch === epoch;
