import type {
  ConversationStore,
  LoadedSession,
  SessionDecision,
  StoredMessage,
  StoredToolOutput,
  TurnRecord,
} from "../../ports/conversation-store.ts";
import type { Database } from "./database.ts";
import { storableText } from "../../ports/storable-text.ts";

/** What both stores of conversations read and write, and the statements that have nothing to gather. */
export interface SessionRow {
  readonly id: string;
  readonly status: "active" | "escalated";
  readonly turns: number;
  readonly last_seq: number;
  readonly snapshot: unknown;
  readonly created: boolean;
  /** Status of the newest session before the statement; null where there was none. */
  readonly before: string | null;
  readonly messages: readonly StoredMessage[] | null;
  readonly tool_outputs: readonly StoredToolOutput[] | null;
}

/** How often a session is read again because a turn was committed while it was read. */
export const loadTriesMax = 5;

/** False when the session's row shows messages that lie outside the snapshot of the statement that read it. */
export const isWhole = ({ messages, last_seq }: SessionRow): boolean =>
  (messages?.at(-1)?.seq ?? 0) >= last_seq;

export function toSession(row: SessionRow): LoadedSession {
  return {
    id: row.id,
    decision: decisionOf(row),
    status: row.status,
    turns: row.turns,
    lastSeq: row.last_seq,
    snapshot: row.snapshot,
    messages: row.messages ?? [],
    toolOutputs: row.tool_outputs ?? [],
  };
}

function decisionOf({ created, before, status }: SessionRow): SessionDecision {
  if (!created) return status === "escalated" ? "SESSION_WITH_HUMAN" : "SESSION_REUSED";
  if (before === null) return "SESSION_CREATED_FIRST_CONTACT";
  return before === "expired" ? "SESSION_CREATED_AFTER_EXPIRY" : "SESSION_CREATED_AFTER_END";
}

/** The rows that a turn becomes. Their texts are made storable where they become JSON. */
export function rowsOf(turn: TurnRecord) {
  const { session, replies } = turn;
  const asked = { seq: session.lastSeq + 1, role: "user", body: turn.text, menu: null };
  const said = replies.map(({ seq, body, menu }) => ({ seq, role: "bot", body, menu }));
  return {
    inboundId: storableText(turn.inboundId),
    messages: [asked, ...said],
    toolOutputs: turn.toolOutputs,
    address: { accessHash: turn.peer.accessHash },
    replies: replies.map(({ seq, body, menu, randomId }, index) => ({
      index,
      seq,
      random_id: randomId,
      body,
      menu,
    })),
    lastSeq: replies.at(-1)?.seq ?? asked.seq,
    snapshot: turn.snapshot ?? null,
  };
}

export function ownerStatements(
  database: Database,
): Pick<ConversationStore, "claimPartition" | "setStatus"> {
  return {
    async claimPartition(owner) {
      const [row] = await database.query<{ epoch: string }>(
        `update partitions set epoch = epoch + 1, owner = $1, claimed_at = now()
         where id = 0 returning epoch`,
        [owner],
      );
      return { epoch: Number(row!.epoch) };
    },
    async setStatus(sessionId, status) {
      const changed = await database.query(
        `update conversation_sessions set status = $2,
           ended_at = case when $2 = 'ended' then now() end
         where id = $1 and status in ('active', 'escalated') returning id`,
        [sessionId, status],
      );
      return changed.length > 0;
    },
  };
}
