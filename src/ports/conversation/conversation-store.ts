import type {
  SessionDecision,
  SessionEvent,
  SessionStatus,
} from "../../../machines/conversation-rules.ts";
import type { GrantRef } from "../custody/gate.ts";
import type { Media } from "../telegram/media.ts";
import type { ChatPeer } from "../telegram/telegram.ts";

export interface ConversationKey {
  readonly channel: string;
  readonly account: string;
  readonly chatUser: string;
}

/** A choice offered with a reply: a button where the account may send them, else a numbered line. */
export interface MenuChoice {
  readonly label: string;
  readonly action: string;
  /** Points at one item of a tool output of the same session. */
  readonly item?: { readonly toolOutputSeq: number; readonly index: number };
}

export interface StoredMessage {
  readonly seq: number;
  /** `person`: someone who answered in the bot's place, after an escalation. */
  readonly role: "user" | "bot" | "person";
  readonly body: string;
  readonly menu: readonly MenuChoice[] | null;
  /** Files that came with a user's message; absent for none. */
  readonly media?: readonly Media[];
}

export interface StoredToolOutput {
  readonly seq: number;
  readonly name: string;
  readonly output: unknown;
}

/** JSON that outlives a session: language, project, and other facts for the bot. */
export type UserContext = Readonly<Record<string, unknown>>;

/** A user's current report: one at a time; another one begins at zero. */
export interface ProgressUpdate {
  /** JSON: the subject of the report. */
  readonly subject: unknown;
  readonly images: number;
  readonly comments: number;
  readonly status: string | null;
}

/** The newest of each that a turn is given. */
export const historyMessages = 20;
export const historyToolOutputs = 10;
/** Tool outputs of one turn. They are numbered from that many times the number of its first message. */
export const toolOutputsMax = 64;

export interface LoadedSession {
  readonly id: string;
  /** The inbound id took effect before: nothing is to be done for it, and nothing else here counts. */
  readonly taken?: true;
  /** Of a first contact: the user was forgotten, and messages of before may have taken effect. */
  readonly forgotten?: true;
  /** The same for every attempt at one message. */
  readonly decision: SessionDecision;
  readonly status: SessionStatus;
  readonly turns: number;
  readonly lastSeq: number;
  readonly snapshot: unknown;
  /** Facts about the user beyond this session; null: none yet. */
  readonly context: UserContext | null;
  readonly progress: ProgressUpdate | null;
  /** The newest 20, oldest first. */
  readonly messages: readonly StoredMessage[];
  readonly toolOutputs: readonly StoredToolOutput[];
}

export interface TurnReply {
  readonly body: string;
  readonly menu: readonly MenuChoice[] | null;
  /** Absent: the bot's. */
  readonly by?: "person";
}

/**
 * Who sends a turn's replies: the holder of the account's token, or the owner of the partition that the turn ran in.
 */
export type ReplySender = "holder" | "owner";

export interface TurnRecord extends ConversationKey {
  /** As it was loaded; the commit is refused if it has moved, ended or changed its status since. */
  readonly session: LoadedSession;
  readonly inboundId: string;
  readonly peer: ChatPeer;
  readonly text: string;
  readonly media?: readonly Media[] | undefined;
  readonly snapshot: unknown;
  readonly context: UserContext | null;
  /** The report after the turn; `end`: there is none any more; absent: as it was. */
  readonly progress?: ProgressUpdate | "end" | undefined;
  /** Numbered apart from the messages: from 64 times the user message's number. */
  readonly toolOutputs: readonly StoredToolOutput[];
  /** With seq numbers already given: user message `session.lastSeq` + 1, replies after it without a gap. */
  readonly replies: readonly (TurnReply & { readonly seq: number; readonly randomId: string })[];
  readonly status: SessionStatus;
  readonly sentBy: ReplySender;
}

export type TurnOutcome =
  | "committed"
  /** And its replies are marked as being sent under the grant that was given. */
  | "claimed"
  /** This inbound id took effect before: acknowledge and forget. */
  | "duplicate"
  /** Another turn moved the session: load again. */
  | "conflict"
  /** This node no longer owns the partition: stop. */
  | "stale-owner";

/** One share of the chat users under its owner's epoch: commits under an earlier epoch are refused (I6). */
export interface PartitionClaim {
  readonly partition: number;
  readonly epoch: number;
}

/**
 * Sessions and turns. Hides SQL. A turn calls `load` once and `commit` once; nothing below asks again (I3). `load` is
 * one statement that finds, reuses, rolls over or creates the session, with its history; with an inbound id it also
 * tells whether that took effect. `commit` is one statement, and checks epoch and sequence under its own locks.
 * Messages, tool outputs, snapshot, duplicate check and outbox rows are written together or not at all. With a
 * `grant` of the account's token, that statement may also claim the replies, as `OutboxStore.claim` would. It does so
 * if the token is still held under the grant and the session's last earlier reply is claimed already. Text that
 * Postgres cannot hold (NUL, lone surrogates) is sanitised before.
 */
export interface ConversationStore {
  /**
   * Mints the next epoch of a partition, for its new owner; waits for commits under the epoch
   * before.
   */
  claimPartition(partition: number, owner: string): Promise<PartitionClaim>;
  /** Leaves the partition without an owner, unless another claim came since. */
  releasePartition(claim: PartitionClaim): Promise<void>;
  /** The same after a claim whose answer got lost: if it has made this one the owner. */
  releaseUnanswered(partition: number, owner: string): Promise<void>;
  partitionOwner(partition: number): Promise<string | null>;
  load(
    /** `receivedAtMs`, `writtenAtMs`: as in `InboundItem`; the store itself needs none. */
    key: ConversationKey & {
      readonly inboundId?: string;
      readonly receivedAtMs?: number;
      readonly writtenAtMs?: number;
    },
    inactiveAfterMs: number,
  ): Promise<LoadedSession>;
  commit(turn: TurnRecord, claim: PartitionClaim, grant?: GrantRef): Promise<TurnOutcome>;
  /**
   * A person's event for a session. Answers the new status; null: no session could take the event.
   */
  move(sessionId: string, event: Exclude<SessionEvent, "inactive">): Promise<SessionStatus | null>;
}
