import type { Client } from "pg";
import { HoldfastError } from "../../errors.ts";

/** A column of the old database. */
interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/** Where each thing stands in an old database, as SQL over `s` (sessions), `m` (messages) and `u` (users). */
export interface OldShape {
  /** Type of the sessions' ids. */
  readonly idType: string;
  /** Of a join with the table of users; empty where there is none. */
  readonly userJoin: string;
  readonly chatUser: string;
  readonly createdAt: string;
  readonly lastAt: string;
  readonly endedAt: string;
  readonly context: string;
  readonly text: string;
  readonly direction: string;
  readonly at: string;
  /** Orders the messages of one moment; a constant where nothing does. */
  readonly messageId: string;
  readonly mediaUrl: string;
  readonly mediaType: string;
  /** JSON. */
  readonly toolOutputs: string;
  readonly mapping: readonly string[];
}

export interface OldShapeOptions {
  readonly channel: string;
  /** The column that names the chat user as the channel does; undefined: it is looked for. */
  readonly user?: string | undefined;
}

const sessionsTable = "conversation_sessions";
const messagesTable = "messages";
/** In the old bot it was the first. */
const userTables: readonly string[] = ["subcontractors", "users"];
const userKeys: readonly string[] = ["subcontractor_id", "user_id"];
const phones: readonly string[] = [
  "contact_telephone",
  "whatsapp_number",
  "phone_number",
  "phone",
  "telephone",
];
const telegramIds: readonly string[] = ["telegram_user_id", "telegram_id", "telegram_chat_id"];

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const letters: Readonly<Record<string, string>> = { [sessionsTable]: "s", [messagesTable]: "m" };

/** Looks where everything is. Throws OLD_DATABASE_UNKNOWN with what is missing, OLD_DATABASE_OWN, OLD_USER_UNKNOWN. */
export async function readOldShape(client: Client, options: OldShapeOptions): Promise<OldShape> {
  const { rows: columns } = await client.query<Column>(
    `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
     from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relname = any ($1) and pg_table_is_visible(c.oid) and a.attnum > 0 and not a.attisdropped
       and c.relkind in ('r', 'p', 'v', 'm', 'f')`,
    [[sessionsTable, messagesTable, ...userTables]],
  );
  const of = (table: string, ...names: readonly string[]): Column | null =>
    names.flatMap((name) => columns.find((c) => c.table === table && c.name === name) ?? [])[0] ??
    null;
  if (of(sessionsTable, "channel") !== null && of(sessionsTable, "chat_user") !== null) {
    throw isOwn();
  }
  const found = required(of);
  const users = userTables.find((table) => of(table, "id") !== null) ?? null;
  const chatUser = chatUserOf(of, { ...options, users, key: found.user });
  return {
    idType: found.id.type,
    userJoin:
      users === null
        ? ""
        : `left join ${quoted(users)} u on u.id::text = s.${quoted(found.user.name)}::text`,
    ...sessionParts(of, found, users),
    ...messageParts(of, found),
    chatUser: chatUser.sql,
    mapping: mappingOf(of, { found, users, chatUser: chatUser.told }),
  };
}

type Of = (table: string, ...names: readonly string[]) => Column | null;

/** What no adoption can do without. */
type Required = Readonly<
  Record<"id" | "user" | "status" | "created" | "session" | "text" | "direction" | "at", Column>
>;

function required(of: Of): Required {
  const wanted: Readonly<Record<keyof Required, readonly [string, ...string[]]>> = {
    id: [sessionsTable, "id"],
    user: [sessionsTable, ...userKeys],
    status: [sessionsTable, "status"],
    created: [sessionsTable, "created_at", "started_at"],
    session: [messagesTable, "session_id"],
    text: [messagesTable, "content", "message_text", "body", "text"],
    direction: [messagesTable, "direction", "role"],
    at: [messagesTable, "created_at", "timestamp"],
  };
  const found: Partial<Record<keyof Required, Column>> = {};
  const missing: string[] = [];
  for (const key of Object.keys(wanted) as (keyof Required)[]) {
    const [table, ...names] = wanted[key];
    const column = of(table, ...names);
    if (column === null) missing.push(`${table}.${names.join(" or ")}`);
    else found[key] = column;
  }
  if (missing.length > 0) throw isUnknown(missing);
  return found as Required;
}

/** A column as SQL; its table's letter is `u` for the users'. */
const sql = ({ table, name }: Column): string => `${letters[table] ?? "u"}.${quoted(name)}`;

/** Python wrote such times in UTC. */
function time(column: Column | null): string {
  if (column === null) return "null::timestamptz";
  return column.type === "timestamp without time zone"
    ? `(${sql(column)} at time zone 'UTC')`
    : `${sql(column)}::timestamptz`;
}

function sessionParts(of: Of, { created }: Required, users: string | null) {
  const last = of(sessionsTable, "last_message_at", "last_activity_at", "updated_at");
  const facts = contextColumns(of, users).map(
    ([name, column]) => `'${name}', nullif(left(${sql(column)}::text, 1000), '')`,
  );
  return {
    createdAt: `coalesce(${time(created)}, now())`,
    lastAt: `least(now(), coalesce(${time(last)}, ${time(created)}, now()))`,
    endedAt: time(of(sessionsTable, "ended_at")),
    context:
      facts.length === 0
        ? "null::json"
        : `nullif(json_strip_nulls(json_build_object(${facts.join(", ")}))::text, '{}')::json`,
  };
}

/** Language, project and task of the user, or of the session where it has its own (V14). */
function contextColumns(of: Of, users: string | null): readonly (readonly [string, Column])[] {
  const wanted: readonly (readonly [string, ...string[]])[] = [
    ["language", "language", "preferred_language"],
    ["project", "active_project_id", "project_id"],
    ["task", "active_task_id", "task_id"],
  ];
  return wanted.flatMap(([name, ...columns]) => {
    const column = of(sessionsTable, ...columns) ?? (users === null ? null : of(users, ...columns));
    return column === null ? [] : [[name, column] as const];
  });
}

function messageParts(of: Of, { text, direction, at }: Required) {
  const id = of(messagesTable, "id");
  const url = of(messagesTable, "media_url");
  const type = of(messagesTable, "media_type", "media_content_type");
  return {
    text: `coalesce(${sql(text)}::text, '')`,
    direction: `lower(${sql(direction)}::text)`,
    at: `coalesce(${time(at)}, now())`,
    messageId: id === null ? "null::int" : sql(id),
    mediaUrl: url === null ? "null::text" : `nullif(${sql(url)}::text, '')`,
    mediaType: type === null ? "null::text" : `nullif(left(${sql(type)}::text, 200), '')`,
    toolOutputs: toolOutputsIn(of)?.sql ?? "null::json",
  };
}

function toolOutputsIn(of: Of): { readonly sql: string; readonly told: string } | null {
  const own = of(messagesTable, "tool_outputs");
  if (own !== null && /^jsonb?$/.test(own.type)) {
    return { sql: `${sql(own)}::json`, told: "messages.tool_outputs" };
  }
  const metadata = of(messagesTable, "metadata");
  if (metadata === null || !/^jsonb?$/.test(metadata.type)) return null;
  return { sql: `(${sql(metadata)}::json -> 'tool_outputs')`, told: "messages.metadata" };
}

interface ChatUserParts extends OldShapeOptions {
  readonly users: string | null;
  readonly key: Column;
}

/** As the channel's messages name their sender: Twilio's webhook `whatsapp:+33…`, Telegram a number. */
function chatUserOf(of: Of, { channel, user, users, key }: ChatUserParts) {
  if (user !== undefined) {
    const column = of(sessionsTable, user) ?? (users === null ? null : of(users, user));
    if (column === null) throw userUnknown(`there is no column ${user}`);
    return { sql: `nullif(${sql(column)}::text, '')`, told: `${column.table}.${user}` };
  }
  if (channel === "telegram") {
    const column =
      of(sessionsTable, ...telegramIds) ?? (users === null ? null : of(users, ...telegramIds));
    if (column === null) throw userUnknown("no column has Telegram's ids of the users");
    const text = `${sql(column)}::text`;
    return {
      sql: `case when ${text} ~ '^[0-9]{1,19}$' then ${text} end`,
      told: `${column.table}.${column.name}, where it is a number`,
    };
  }
  const phone = users === null ? null : of(users, ...phones);
  if (phone === null) {
    return { sql: `${sql(key)}::text`, told: `${sessionsTable}.${key.name}, as it stands there` };
  }
  const bare = `regexp_replace(${sql(phone)}::text, '^whatsapp:|\\s', '', 'g')`;
  return {
    sql: `'whatsapp:' || nullif(${bare}, '')`,
    told: `${phone.table}.${phone.name}, after whatsapp:`,
  };
}

interface MappingParts {
  readonly found: Required;
  readonly users: string | null;
  readonly chatUser: string;
}

function mappingOf(of: Of, { found, users, chatUser }: MappingParts): readonly string[] {
  const { text, direction } = found;
  const last = of(sessionsTable, "last_message_at", "last_activity_at", "updated_at");
  const outputs = toolOutputsIn(of);
  return [
    `chat user     ← ${chatUser}`,
    `session       ← ${sessionsTable}.id; active the newest active one of each user, by ${last?.name ?? found.created.name}`,
    `question      ← ${messagesTable}.${text.name}, where ${direction.name} is inbound`,
    `reply         ← ${messagesTable}.${text.name}, where ${direction.name} is outbound`,
    ...(of(messagesTable, "media_url") === null ? [] : ["file          ← messages.media_url"]),
    ...(outputs === null ? [] : [`tool outputs  ← ${outputs.told}`]),
    ...contextColumns(of, users).map(
      ([name, column]) => `${name.padEnd(13)} ← ${column.table}.${column.name}`,
    ),
  ];
}

const isUnknown = (missing: readonly string[]) =>
  new HoldfastError({
    code: "OLD_DATABASE_UNKNOWN",
    message: `The database is not the old bot's: it lacks ${missing.join(", ")}. Nothing was read.`,
    next: "Name the old bot's database in --from; views of these names do, too.",
  });

const isOwn = () =>
  new HoldfastError({
    code: "OLD_DATABASE_OWN",
    message: "The database in --from is one of Holdfast's own; nothing was read.",
    next: "Name the old bot's database. A fleet's own moves by: npx holdfast migrate backup, then pg_restore",
  });

const userUnknown = (what: string) =>
  new HoldfastError({
    code: "OLD_USER_UNKNOWN",
    message: `In the old database, ${what}; so it is not known whose sessions they are. Nothing was read.`,
    next: "Name the column of conversation_sessions, or of the users' table, that has them: --user <column>",
  });
