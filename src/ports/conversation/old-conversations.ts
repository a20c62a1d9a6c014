import type { StoredToolOutput, TurnReply, UserContext } from "./conversation-store.ts";
import type { Media } from "../telegram/media.ts";

/** A session of the bot that was used before. */
export interface OldSession {
  readonly sourceId: string;
  /** As this fleet's channel names the user; null: the old database has no such name for this user. */
  readonly chatUser: string | null;
  readonly wasActive: boolean;
  /** Of the user's active sessions the one that was talked in last. */
  readonly isNewest: boolean;
  readonly createdAt: Date;
  readonly lastAt: Date;
  readonly endedAt: Date | null;
  readonly context: UserContext | null;
  readonly messages: number;
}

export interface OldMessage {
  readonly sourceId: string;
  /** null: neither of the user nor of the bot, as far as the old database says. */
  readonly role: "user" | "bot" | null;
  /** null: it is longer than what is kept. */
  readonly body: string | null;
  readonly media: { readonly url: string; readonly mimeType: string | null } | null;
  /** What the old bot wrote down of its tools, unchecked; null for nothing. */
  readonly toolOutputs: unknown;
  /** It wrote more of its tools down than is kept. */
  readonly toolOutputsTooLong: boolean;
  readonly at: Date;
}

export interface OldCounts {
  readonly users: number;
  readonly sessions: number;
  readonly messages: number;
  readonly messagesOfNoSession: number;
}

/** The old database, as it was at the moment when it was opened. Nothing is written to it. */
export interface OldConversations {
  /** Where each thing is taken from, a line each, for a person. */
  readonly mapping: readonly string[];
  count(): Promise<OldCounts>;
  /** In parts, the session that was talked in last first. */
  sessions(): AsyncIterable<readonly OldSession[]>;
  /** In parts; session by session in the order given, each in the order in which it was said. */
  messages(sourceIds: readonly string[]): AsyncIterable<readonly OldMessage[]>;
  close(): Promise<void>;
}

/** A turn that was taken elsewhere. */
export interface AdoptedTurn {
  readonly sessionId: string;
  readonly seq: number;
  readonly inboundId: string;
  readonly asked: string;
  readonly media: readonly Media[] | null;
  readonly replies: readonly TurnReply[] | null;
  readonly toolOutputs: readonly StoredToolOutput[] | null;
  readonly at: Date;
}

export interface AdoptedSession {
  readonly id: string;
  readonly sourceId: string;
  readonly chatUser: string;
  /** It is to go on, unless the user has an open session here. */
  readonly isActive: boolean;
  readonly turns: number;
  readonly lastSeq: number;
  readonly context: UserContext | null;
  readonly createdAt: Date;
  readonly lastAt: Date;
  readonly endedAt: Date | null;
}

/** One transaction: its sessions appear whole, or not at all. */
export interface AdoptionWriter {
  /** Of these sessions, those that came over before. */
  known(sourceIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** An id that lies before every session here, and before the one that was given out last. */
  nextId(): string;
  turns(turns: readonly AdoptedTurn[]): Promise<void>;
  /** After their turns. Answers the ids of those that go on. */
  sessions(sessions: readonly AdoptedSession[]): Promise<ReadonlySet<string>>;
}

/** Where the sessions of one channel and account come to. */
export interface AdoptionStore {
  /** One at a time, whoever else adopts. */
  transaction<Result>(work: (writer: AdoptionWriter) => Promise<Result>): Promise<Result>;
  known(sourceIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Of these chat users, those with an open session here. */
  withOpenSession(chatUsers: readonly string[]): Promise<ReadonlySet<string>>;
}
