import {
  type ConversationRules,
  openingRule,
  type SessionStatus,
} from "../../../machines/conversation-rules.ts";
import {
  historyMessages,
  historyToolOutputs,
  type LoadedSession,
  type PartitionClaim,
  type ProgressUpdate,
  type StoredMessage,
  type StoredToolOutput,
  type TurnRecord,
  type TurnReply,
  type UserContext,
} from "../../ports/conversation/conversation-store.ts";
import { sessionIndexViolated } from "../../ports/conversation/health-signs.ts";
import type { Media } from "../../ports/telegram/media.ts";
import { storableText } from "../../ports/conversation/storable-text.ts";
import { HoldfastError } from "../../errors.ts";
import { brokenUniqueConstraint } from "./database.ts";

/** A session as a statement answers it. */
export interface SessionRow {
  readonly id: string;
  readonly status: SessionStatus;
  readonly turns: number;
  readonly last_seq: number;
  readonly snapshot: unknown;
  readonly context: UserContext | null;
  readonly progress: ProgressUpdate | null;
  readonly created: boolean;
  /** A person gave it back, and the bot has taken no turn since. */
  readonly returned: boolean;
  /** Status of the newest session before a new one, or before one without a turn; null where there was none. */
  readonly before: SessionStatus | null;
  /** Of a first contact: the user was forgotten. */
  readonly forgotten?: true | null;
  /** The turns of the newest messages, oldest first: seq, the question, the replies, files. */
  readonly said: readonly SaidRow[] | null;
  /** The records of the newest turns that recorded something, oldest first. */
  readonly recorded: readonly (readonly StoredToolOutput[])[] | null;
}

type SaidRow = readonly [
  seq: number,
  asked: string,
  replies: readonly TurnReply[] | null,
  media: readonly Media[] | null,
];

/** The history of the session `o` of the user `key`, as columns of a select list. */
export const historyColumns = (key: string): string => `
  (select json_build_object('subject', p.subject, 'images', p.images, 'comments', p.comments, 'status', p.status)
    from progress_updates p where (p.channel, p.account, p.chat_user) = ${key}) as progress,
  (select json_agg(json_build_array(t.seq, t.asked, t.replies, t.media) order by t.seq) from turns t
    where t.session_id = o.id and t.seq >= coalesce((
      select max(b.seq) from turns b where b.session_id = o.id and b.seq <= o.last_seq - ${historyMessages - 1}), 0)
  ) as said,
  (select json_agg(r.tool_outputs order by r.seq) from (
    select seq, tool_outputs from turns where session_id = o.id and tool_outputs is not null
    order by seq desc limit ${historyToolOutputs}) r) as recorded`;

/** How often a session is read again because a turn was committed while it was read. */
export const loadTriesMax = 5;

/** False when the session's row shows messages that lie outside the snapshot of the statement that read it. */
export const isWhole = ({ said, last_seq }: SessionRow): boolean => {
  const [seq, , replies] = said?.at(-1) ?? [0, "", null];
  return seq + (replies?.length ?? 0) >= last_seq;
};

export function toSession(row: SessionRow, rules: ConversationRules): LoadedSession {
  const opening = openingRule(rules, row.before);
  // Until its first turn is committed, each attempt at it is told why the session was opened.
  const isNew = row.created || (row.turns === 0 && row.status === opening.to);
  const { decision } = isNew ? opening : rules.inbound[row.status];
  const isReturned = row.returned && decision === "SESSION_REUSED";
  return {
    id: row.id,
    decision: isReturned ? "SESSION_RETURNED" : decision,
    ...(row.forgotten === true && { forgotten: true }),
    status: row.status,
    turns: row.turns,
    lastSeq: row.last_seq,
    snapshot: row.snapshot,
    context: row.context,
    progress: row.progress,
    messages: (row.said ?? []).flatMap(messagesOf).slice(-historyMessages),
    toolOutputs: (row.recorded ?? []).flat().slice(-historyToolOutputs),
  };
}

function messagesOf([seq, asked, replies, media]: SaidRow) {
  const said = (replies ?? []).map(
    ({ body, menu, by }, index): StoredMessage => ({
      seq: seq + 1 + index,
      role: by ?? "bot",
      body,
      menu,
    }),
  );
  if (replies?.[0]?.by === "person") return said;
  const files = media === null ? {} : { media };
  return [{ seq, role: "user", body: asked, menu: null, ...files } as const, ...said];
}

/** The row that a turn becomes, and its replies' rows. Their texts are made storable where they become JSON. */
export function rowsOf(turn: TurnRecord, { partition }: PartitionClaim) {
  const { session, replies, toolOutputs } = turn;
  const askedSeq = session.lastSeq + 1;
  return {
    inboundId: storableText(turn.inboundId),
    media: turn.media ?? null,
    replies: replies.length === 0 ? null : replies.map(({ body, menu }) => ({ body, menu })),
    toolOutputs: toolOutputs.length === 0 ? null : toolOutputs,
    address: { accessHash: turn.peer.accessHash },
    /** Null: the holder of the token sends them, and no owner of a partition. */
    sentBy: turn.sentBy === "holder" ? null : partition,
    /** In order; reply n is message `askedSeq + 1 + n`. */
    randomIds: replies.map(({ randomId }) => randomId),
    askedSeq,
    lastSeq: askedSeq + replies.length,
    snapshot: turn.snapshot ?? null,
    context: turn.context,
    progress: turn.progress === "end" ? null : (turn.progress ?? null),
    endsProgress: turn.progress === "end",
  };
}

/** The unique index refused a second open session: `load` makes that impossible, so it is told apart. */
export function indexViolation(error: unknown): unknown {
  if (brokenUniqueConstraint(error) !== "conversation_sessions_one_open") return error;
  return new HoldfastError({
    code: sessionIndexViolated,
    message: "A second open session of a chat user was refused by the unique index.",
    next: "Look for who else writes sessions; the turn is taken again by itself.",
    policy: "retryable",
    cause: error,
  });
}
