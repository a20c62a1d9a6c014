import type { ItemName } from "../../ports/conversation/inbound-stream.ts";
import type {
  Person,
  PersonErasure,
  PersonPlace,
} from "../../ports/conversation/person-erasure.ts";
import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import { wordPattern } from "../../ports/word-forms.ts";
import type { Database, Queries } from "./database.ts";
import { erasedSessionMark, forgottenUserMark } from "./taken-messages.ts";

/** Sessions that one transaction erases: none locks others' rows for long. */
const sessionsAtOnce = 50;

/** Of a row with these columns; $1 the user, $2 the accounts or null, $3 the channel or null. */
const isPersons =
  "chat_user = $1 and ($2::text[] is null or account = any ($2)) and ($3::text is null or channel = $3)";

/**
 * The pairs of channel and account that have sessions, each found by one step along their index: the user alone is no
 * beginning of any index.
 */
const places = `
  places as (
    (select channel, account from conversation_sessions order by channel, account limit 1)
    union all
    select n.channel, n.account from places p cross join lateral (
      select s.channel, s.account from conversation_sessions s
      where (s.channel, s.account) > (p.channel, p.account) order by s.channel, s.account limit 1) n
  ), mine as (
    select channel, account from places
    where ($2::text[] is null or account = any ($2)) and ($3::text is null or channel = $3)
  )`;

const sessions = `
  with recursive ${places}
  select s.id::text, s.channel, s.account from mine m cross join lateral (
    select id, channel, account from conversation_sessions s
    where (s.channel, s.account, s.chat_user) = (m.channel, m.account, $1)
    order by s.id limit ${sessionsAtOnce} for update) s
  limit ${sessionsAtOnce}`;

const countSessions = `
  with recursive ${places}, found as (
    select s.id from mine m join conversation_sessions s
      on (s.channel, s.account, s.chat_user) = (m.channel, m.account, $1)
  )
  select (select count(*)::int from found) as conversation_sessions,
    (select count(*)::int from turns t where t.session_id in (select id from found)) as turns,
    (select count(*)::int from outbox o where o.session_id in (select id from found)) as outbox`;

/** Tables with a row for each of the user's messages or none, by the user's own name. */
const byName = ["turn_backlog", "parked_turns", "progress_updates"] as const;

const noteTaken = `
  insert into taken_messages (mark, account_mark)
  select taken_mark(i.channel, i.account, i.inbound_id), taken_account_mark(i.channel, i.account)
  from json_to_recordset($1::json) as i(channel text, account text, inbound_id text)
  on conflict do nothing`;

/** A turn that runs in one of these is refused, and is not taken again in another session. */
const noteErased = `
  insert into taken_messages (mark, account_mark)
  select ${erasedSessionMark("s.account", "s.id::text")}, taken_account_mark(s.channel, s.account)
  from conversation_sessions s where s.id = any ($1::bigint[])
  on conflict do nothing`;

/** In one order, as two may forget the same user. Who is forgotten again is known as long as the marks of this time. */
const noteForgotten = `
  insert into taken_messages (mark, account_mark)
  select distinct ${forgottenUserMark("i.channel", "i.account", "i.chat_user")}, taken_account_mark(i.channel, i.account)
  from json_to_recordset($1::json) as i(channel text, account text, chat_user text) order by 1
  on conflict (mark) do update set taken_on = excluded.taken_on`;

/** The signed text stays one message, however it is cut: it names a message that was taken, and no one's. */
const renameRequests = `
  with i as materialized (
    select inbound_id, 'forgotten:' || taken_mark(channel, account, inbound_id) as forgotten, channel, account
    from json_to_recordset($1::json) as i(channel text, account text, inbound_id text) where channel = 'webhook'
  ), named as (
    update webhook_requests w set inbound_id = i.forgotten from i where w.inbound_id = i.inbound_id
    returning i.channel, i.account, i.forgotten
  ), noted as (
    insert into taken_messages (mark, account_mark)
    select distinct taken_mark(channel, account, forgotten), taken_account_mark(channel, account) from named
    on conflict do nothing
  )
  select count(*)::int as n from named`;

/** A reason may tell what the user said. */
const deleteSuspects = `
  delete from bot_suspects b using json_to_recordset($1::json) as i(channel text, account text, inbound_id text)
  where (b.channel, b.account, b.inbound_id) = (i.channel, i.account, i.inbound_id)`;

const deleteSteps = `
  delete from turn_steps s using json_to_recordset($1::json) as i(channel text, account text, inbound_id text)
  where (s.channel, s.account, s.inbound_id) = (i.channel, i.account, i.inbound_id)`;

/** Rows that may name the user in passing. $1: the user; $2: a pattern for the name as a word. */
const inPassing: Readonly<Record<string, string>> = {
  telegram_waits: "delete from telegram_waits where chat = $1 and $2::text is not null",
  parked_turns: "delete from parked_turns where $1::text is not null and data ~ $2",
  gap_readings: `update gap_readings set unread = (
      select coalesce(jsonb_agg(u), '[]') from jsonb_array_elements(unread) u where u ->> 'userId' is distinct from $1),
      missing = array(select regexp_replace(m, $2, '(forgotten)', 'g') from unnest(missing) m)
    where unread::text ~ $2 or array_to_string(missing, ' ') ~ $2`,
  update_gaps: `update update_gaps set missing = array(select regexp_replace(m, $2, '(forgotten)', 'g') from unnest(missing) m)
    where $1::text is not null and array_to_string(missing, ' ') ~ $2`,
};

interface SessionRow extends PersonPlace {
  readonly id: string;
}

export function createPersonErasure(database: Database): PersonErasure {
  const valuesOf = ({ user, accounts, channel }: Person) => [
    user,
    accounts === "all" ? null : accounts,
    channel,
  ];

  return {
    async count(person) {
      const values = valuesOf(person);
      const [row] = await database.query<Record<string, number>>(countSessions, values);
      const rows: Record<string, number> = { ...row };
      for (const table of byName) {
        const [found] = await database.query<{ n: number }>(
          `select count(*)::int as n from ${table} where ${isPersons}`,
          values,
        );
        rows[table] = found!.n;
      }
      return withoutNone(rows);
    },
    take: (items) =>
      database.transaction(async (queries) => {
        const taken = items.map(itemOf);
        // Once marked, no run of their handlers makes or keeps a step.
        await note(queries, taken);
        await markForgotten(queries, items);
        await eraseRuns(queries, taken);
      }),
    erase: (person) =>
      database.transaction(async (queries) => {
        const values = valuesOf(person);
        const found = await queries.query<SessionRow & Record<string, unknown>>(sessions, values);
        const rows: Record<string, number> = {};
        const said = await eraseSessions(queries, found, rows);
        // What waits for a turn is taken first, so that no turn that has just begun is committed later.
        const waiting: Item[] = [];
        for (const table of byName) {
          const columns =
            table === "progress_updates"
              ? "channel, account, null"
              : "channel, account, inbound_id";
          const gone = await queries.query<Item & Record<string, unknown>>(
            `delete from ${table} where ${isPersons} returning ${columns} as inbound_id`,
            values,
          );
          rows[table] = gone.length;
          waiting.push(...gone);
        }
        const waited = waiting.filter(({ inbound_id: id }) => id !== null);
        await note(queries, waited);
        const spoke = distinct([...found, ...waiting]);
        await markForgotten(
          queries,
          spoke.map((place) => ({ ...place, chatUser: person.user })),
        );
        const items = [...said, ...waited];
        Object.assign(rows, await eraseRuns(queries, items));
        const [renamed] = await queries.query<{ n: number }>(renameRequests, [storableJson(items)]);
        rows["webhook_requests"] = renamed!.n;
        const isLast = found.length < sessionsAtOnce;
        if (isLast && person.accounts === "all") await erasePassing(queries, person.user, rows);
        return { rows: withoutNone(rows), places: spoke, isLast };
      }),
  };
}

interface Item extends PersonPlace {
  readonly inbound_id: string | null;
}

const itemOf = ({ channel, account, inboundId }: ItemName): Item => ({
  channel,
  account,
  inbound_id: storableText(inboundId),
});

const note = (queries: Queries, items: readonly Item[]): Promise<unknown> =>
  items.length === 0 ? Promise.resolve() : queries.query(noteTaken, [storableJson(items)]);

async function markForgotten(
  queries: Queries,
  users: readonly Pick<ItemName, "channel" | "account" | "chatUser">[],
): Promise<void> {
  if (users.length === 0) return;
  const named = users.map(({ channel, account, chatUser: chat_user }) => ({
    channel,
    account,
    chat_user,
  }));
  await queries.query(noteForgotten, [storableJson(named)]);
}

/** What earlier runs of handlers have left of these messages. */
async function eraseRuns(queries: Queries, items: readonly Item[]) {
  const values = [storableJson(items)];
  return {
    turn_steps: await counted(queries, deleteSteps, values),
    bot_suspects: await counted(queries, deleteSuspects, values),
  };
}

async function counted(queries: Queries, text: string, values: readonly unknown[]) {
  const [row] = await queries.query<{ n: number }>(
    `with gone as (${text} returning 1) select count(*)::int as n from gone`,
    values,
  );
  return row!.n;
}

/** With everything that hangs on them. Answers the messages that they began with. */
async function eraseSessions(
  queries: Queries,
  found: readonly SessionRow[],
  rows: Record<string, number>,
): Promise<readonly Item[]> {
  const ids = [found.map(({ id }) => id)];
  const count = async (table: string, text: string) => {
    rows[table] = await counted(queries, text, ids);
  };
  await count("outbox", "delete from outbox where session_id = any ($1::bigint[])");
  const said = await queries.query<Item & Record<string, unknown>>(
    "delete from turns where session_id = any ($1::bigint[]) returning channel, account, inbound_id",
    ids,
  );
  rows["turns"] = said.length;
  // A session of another bot's database comes over once, and this one never again.
  await count(
    "adopted_sessions",
    `update adopted_sessions set source_id = 'forgotten:' || taken_mark(channel, account, source_id)
     where session_id = any ($1::bigint[]) and source_id not like 'forgotten:%'`,
  );
  await queries.query(noteErased, ids);
  await count(
    "conversation_sessions",
    "delete from conversation_sessions where id = any ($1::bigint[])",
  );
  return said;
}

async function erasePassing(queries: Queries, user: string, rows: Record<string, number>) {
  const pattern = wordPattern(user);
  if (pattern === null) return;
  for (const [table, text] of Object.entries(inPassing)) {
    rows[table] = (rows[table] ?? 0) + (await counted(queries, text, [user, pattern]));
  }
}

const withoutNone = (rows: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(rows).filter(([, n]) => n > 0));

function distinct(of: readonly PersonPlace[]): readonly PersonPlace[] {
  const seen = new Map(
    of.map(({ channel, account }) => [`${channel} ${account}`, { channel, account }]),
  );
  return [...seen.values()];
}
