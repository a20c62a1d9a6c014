import { Client } from "pg";
import type {
  OldConversations,
  OldCounts,
  OldMessage,
  OldSession,
} from "../../ports/conversation/old-conversations.ts";
import type { UserContext } from "../../ports/conversation/conversation-store.ts";
import { HoldfastError } from "../../errors.ts";
import { type OldShape, type OldShapeOptions, readOldShape } from "./old-shape.ts";

const sessionsOfPart = 500;
const messagesOfPart = 500;
/** Characters that are kept of a message, and bytes of what its tools said. */
const bodyLengthMax = 65_536;
const toolOutputsBytesMax = 65_536;

interface SessionRow {
  readonly source_id: string;
  readonly chat_user: string | null;
  readonly was_active: boolean;
  readonly is_newest: boolean;
  readonly created_at: Date;
  readonly last_at: Date;
  readonly ended_at: Date | null;
  readonly context: UserContext | null;
}

interface MessageRow {
  readonly source_id: string;
  readonly role: "user" | "bot" | null;
  readonly body: string | null;
  readonly media_url: string | null;
  readonly media_type: string | null;
  readonly tool_outputs: unknown;
  readonly too_long: boolean;
  readonly at: Date;
}

const fromUser = "'inbound', 'incoming', 'in', 'user', 'human', 'client'";
const fromBot = "'outbound', 'outgoing', 'out', 'bot', 'assistant', 'ai', 'agent'";

/**
 * Opens the old bot's database for reading: one transaction that can only read, in which everything stays as it was at
 * its beginning. Throws OLD_DATABASE_UNAVAILABLE and the errors of `readOldShape`.
 */
export async function openOldConversations(
  url: string,
  options: OldShapeOptions,
): Promise<OldConversations> {
  const client = await connected(url);
  try {
    await client.query("begin isolation level repeatable read read only");
    await client.query("set local default_transaction_read_only = on");
    await client.query("set local statement_timeout = 0");
    await client.query("set local idle_in_transaction_session_timeout = 0");
    // Where rows are hidden from this role, it is told so, in place of fewer rows.
    await client.query("set local row_security = off");
    const shape = await readOldShape(client, options);
    const { rows } = await client.query<{ name: string }>("select current_database() as name");
    return over(client, shape, rows[0]?.name ?? "");
  } catch (error) {
    await client.end().catch(() => {});
    throw unreadable(error);
  }
}

function over(client: Client, shape: OldShape, database: string): OldConversations {
  // Only a UUID is the same session wherever it stands.
  const sourceId =
    shape.idType === "uuid" ? "s.id::text" : `concat(${literal(database)}, ':', s.id)`;
  const bareId = (id: string) => (shape.idType === "uuid" ? id : id.slice(database.length + 1));
  const read = async <Row extends object>(text: string, values: readonly unknown[] = []) => {
    try {
      return (await client.query<Row>(text, [...values])).rows;
    } catch (error) {
      throw unreadable(error);
    }
  };

  /** A cursor's rows, part by part. */
  async function* parts<Row extends object>(
    { name, text, atOnce }: { name: string; text: string; atOnce: number },
    values: readonly unknown[] = [],
  ): AsyncGenerator<readonly Row[]> {
    await read(`declare ${name} no scroll cursor for ${text}`, values);
    try {
      for (;;) {
        const rows = await read<Row>(`fetch ${atOnce} from ${name}`);
        if (rows.length === 0) return;
        yield rows;
      }
    } finally {
      // After a failed statement the whole transaction is over, and the cursor with it.
      await client.query(`close ${name}`).catch(() => {});
    }
  }

  return {
    mapping: shape.mapping,
    async count(): Promise<OldCounts> {
      const [row] = await read<OldCounts>(
        `select (select count(distinct ${shape.chatUser})::int from conversation_sessions s ${shape.userJoin}) as users,
           (select count(*)::int from conversation_sessions) as sessions,
           (select count(*)::int from messages) as messages,
           (select count(*)::int from messages m
             where not exists (select from conversation_sessions s where s.id = m.session_id)) as "messagesOfNoSession"`,
      );
      return row ?? { users: 0, sessions: 0, messages: 0, messagesOfNoSession: 0 };
    },
    async *sessions() {
      const text = sessionsText(shape, sourceId);
      const cursor = { name: "old_sessions", text, atOnce: sessionsOfPart };
      for await (const rows of parts<SessionRow>(cursor)) {
        const ids = rows.map((row) => bareId(row.source_id));
        const counted = await read<{ id: string; messages: number }>(
          `select session_id::text as id, count(*)::int as messages from messages
           where session_id = any ($1::${shape.idType}[]) group by 1`,
          [ids],
        );
        const counts = new Map(counted.map(({ id, messages }) => [id, messages]));
        yield rows.map((row) => toSession(row, counts.get(bareId(row.source_id)) ?? 0));
      }
    },
    async *messages(sourceIds) {
      const text = messagesText(shape, sourceId);
      const cursor = { name: "old_messages", text, atOnce: messagesOfPart };
      for await (const rows of parts<MessageRow>(cursor, [sourceIds.map(bareId)])) {
        yield rows.map(toMessage);
      }
    },
    async close() {
      await client.query("rollback").catch(() => {});
      await client.end().catch(() => {});
    },
  };
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const sessionsText = (shape: OldShape, sourceId: string): string => `
  with old as (
    select ${sourceId} as source_id, s.id, ${shape.chatUser} as chat_user,
      coalesce(s.status::text = 'active', false) as was_active, ${shape.createdAt} as created_at,
      ${shape.lastAt} as last_at, ${shape.endedAt} as ended_at, ${shape.context} as context
    from conversation_sessions s ${shape.userJoin}
  )
  select source_id, chat_user, was_active, created_at, last_at, ended_at, context,
    was_active and row_number() over (partition by chat_user, was_active order by last_at desc, created_at desc, id desc) = 1
      as is_newest
  from old order by last_at desc, created_at desc, id desc`;

const messagesText = (shape: OldShape, sourceId: string): string => `
  select ${sourceId} as source_id,
    case when ${shape.direction} in (${fromUser}) then 'user' when ${shape.direction} in (${fromBot}) then 'bot' end as role,
    case when length(${shape.text}) <= ${bodyLengthMax} then ${shape.text} end as body,
    case when length(${shape.mediaUrl}) <= ${bodyLengthMax} then ${shape.mediaUrl} end as media_url,
    ${shape.mediaType} as media_type,
    case when octet_length(${shape.toolOutputs}::text) <= ${toolOutputsBytesMax} then ${shape.toolOutputs} end as tool_outputs,
    coalesce(octet_length(${shape.toolOutputs}::text) > ${toolOutputsBytesMax}, false) as too_long,
    ${shape.at} as at
  from messages m join unnest($1::${shape.idType}[]) with ordinality as s(id, place) on s.id = m.session_id
  order by s.place, ${shape.at}, ${shape.direction} in (${fromBot}), ${shape.messageId}`;

const toSession = (row: SessionRow, messages: number): OldSession => ({
  sourceId: row.source_id,
  chatUser: row.chat_user,
  wasActive: row.was_active,
  isNewest: row.is_newest,
  createdAt: row.created_at,
  lastAt: row.last_at,
  endedAt: row.ended_at,
  context: row.context,
  messages,
});

const toMessage = (row: MessageRow): OldMessage => ({
  sourceId: row.source_id,
  role: row.role,
  body: row.body,
  media: row.media_url === null ? null : { url: row.media_url, mimeType: row.media_type },
  toolOutputs: row.tool_outputs,
  toolOutputsTooLong: row.too_long,
  at: row.at,
});

async function connected(url: string): Promise<Client> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: "holdfast adopt",
  });
  client.on("error", () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw unreadable(error);
  }
}

function unreadable(error: unknown): unknown {
  if (error instanceof HoldfastError) return error;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new HoldfastError({
    code: "OLD_DATABASE_UNAVAILABLE",
    message: `The old database cannot be read: ${message}. It was not changed.`,
    next: "Check its address in --from, and that this role may read all of its rows; then type the same again: what came over stays.",
    policy: "retryable",
    cause: error,
  });
}
