import type { ConversationRules } from "../../../machines/conversation-rules.ts";
import type {
  ConversationRecords,
  SessionSummary,
  TurnHistory,
  UserBehind,
} from "../../ports/conversation/conversation-records.ts";
import type { TurnReply, StoredToolOutput } from "../../ports/conversation/conversation-store.ts";
import type { Media } from "../../ports/telegram/media.ts";
import { isOneOf } from "./conversation-statements.ts";
import type { Database } from "./database.ts";

interface SummaryRow {
  readonly id: string;
  readonly channel: string;
  readonly account: string;
  readonly chat_user: string;
  readonly status: SessionSummary["status"];
  readonly turns: number;
  readonly messages: number;
  readonly created_at: Date;
  readonly last_turn_at: Date;
}

interface TurnRow {
  readonly seq: number;
  readonly inbound_id: string;
  readonly asked: string;
  readonly media: readonly Media[] | null;
  readonly replies: readonly TurnReply[] | null;
  readonly tool_outputs: readonly StoredToolOutput[] | null;
  readonly created_at: Date;
}

interface BehindRow {
  readonly channel: string;
  readonly account: string;
  readonly chat_user: string;
  readonly waiting: number;
  readonly since: Date;
}

/** Every message of a session is numbered, from 1. */
const columns =
  "id::text, channel, account, chat_user, status, turns, last_seq as messages, created_at, last_turn_at";

export function createConversationRecords(
  database: Database,
  { open }: Pick<ConversationRules, "open">,
): ConversationRecords {
  return {
    async list({ account, limit, before }) {
      const rows = await database.query<SummaryRow & Record<string, unknown>>(
        `select ${columns} from conversation_sessions
         where ($1::text is null or account = $1) and ($3::bigint is null or id < $3)
         order by conversation_sessions.id desc limit $2`,
        [account ?? null, limit, before ?? null],
      );
      return rows.map(toSummary);
    },
    async show(sessionId, limit, after = -1) {
      const [row] = await database.query<SummaryRow & Record<string, unknown>>(
        `select ${columns} from conversation_sessions where id = $1`,
        [sessionId],
      );
      if (row === undefined) return null;
      const turns = await database.query<TurnRow & Record<string, unknown>>(
        `select seq, inbound_id, asked, media, replies, tool_outputs, created_at from turns
         where session_id = $1 and seq > $3 order by seq limit $2`,
        [sessionId, limit, after],
      );
      return { session: toSummary(row), turns: turns.map(toTurn) };
    },
    async behind({ accounts, limit }) {
      const rows = await database.query<BehindRow & Record<string, unknown>>(
        `select channel, account, chat_user, count(*)::int as waiting, min(moved_at) as since
         from turn_backlog where $1::text[] is null or account = any ($1)
         group by channel, account, chat_user order by waiting desc limit $2`,
        [accounts === "all" ? null : accounts, limit],
      );
      return rows.map(
        ({ channel, account, chat_user: chatUser, waiting, since }): UserBehind => ({
          channel,
          account,
          chatUser,
          waiting,
          since: since.toISOString(),
        }),
      );
    },
    async duplicates() {
      // With the index valid and unique there can be none, and nothing has to be counted.
      const [index] = await database.query<{ holds: boolean }>(
        `select indisvalid and indisunique as holds from pg_index
         where indexrelid = to_regclass('conversation_sessions_one_open')`,
      );
      if (index?.holds === true) return 0;
      const [row] = await database.query<{ users: number }>(
        `select count(*)::int as users from (
           select from conversation_sessions where status ${isOneOf(open)}
           group by channel, account, chat_user having count(*) > 1) d`,
      );
      return row?.users ?? 0;
    },
  };
}

const toSummary = (row: SummaryRow): SessionSummary => ({
  id: row.id,
  channel: row.channel,
  account: row.account,
  chatUser: row.chat_user,
  status: row.status,
  turns: row.turns,
  messages: row.messages,
  createdAt: row.created_at.toISOString(),
  lastTurnAt: row.last_turn_at.toISOString(),
});

const toTurn = (row: TurnRow): TurnHistory => ({
  seq: row.seq,
  inboundId: row.inbound_id,
  asked: row.asked,
  media: row.media ?? [],
  replies: row.replies ?? [],
  toolOutputs: row.tool_outputs ?? [],
  at: row.created_at.toISOString(),
});
