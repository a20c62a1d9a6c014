import type {
  AdoptedSession,
  AdoptedTurn,
  AdoptionStore,
  AdoptionWriter,
} from "../../ports/conversation/old-conversations.ts";
import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import { HoldfastError } from "../../errors.ts";
import type { Database, Queries } from "./database.ts";

/** Any number does, as long as it stays: one part of one adoption at a time. */
const lockKey = 4_653_202_612;

const insertTurns = `
  insert into turns (session_id, seq, channel, account, inbound_id, asked, media, replies, tool_outputs, created_at)
  select session_id, seq, $2, $3, inbound_id, asked, media, replies, tool_outputs, at
  from json_to_recordset($1::json) as i(session_id bigint, seq int, inbound_id text, asked text, media json,
    replies json, tool_outputs json, at timestamptz)`;

/**
 * An active one is inserted only where the user has no open session, by the index that the load of a session uses, too:
 * a message that comes meanwhile waits for this transaction's end, and finds the session.
 */
const insertSessions = `
  with i as materialized (
    select * from json_to_recordset($1::json) as i(id bigint, source_id text, chat_user text, active boolean, turns int,
      last_seq int, context json, created_at timestamptz, last_turn_at timestamptz, ended_at timestamptz)
  ), opened as (
    insert into conversation_sessions (id, channel, account, chat_user, status, turns, last_seq, context, created_at,
      last_turn_at)
    overriding system value
    select id, $2, $3, chat_user, 'active', turns, last_seq, context, created_at, last_turn_at from i where active
    order by chat_user
    on conflict (channel, account, chat_user) where status in ('active', 'escalated') do nothing
    returning id
  ), closed as (
    insert into conversation_sessions (id, channel, account, chat_user, status, turns, last_seq, context, created_at,
      last_turn_at, ended_at)
    overriding system value
    select id, $2, $3, chat_user, 'ended', turns, last_seq, context, created_at, last_turn_at, coalesce(ended_at, last_turn_at)
    from i where not exists (select from opened where opened.id = i.id)
  ), noted as (
    insert into adopted_sessions (channel, account, source_id, session_id)
    select $2, $3, source_id, id from i
  )
  select id::text from opened`;

export interface AdoptedTo {
  readonly channel: string;
  readonly account: string;
}

export function createAdoptionStore(
  database: Database,
  { channel, account }: AdoptedTo,
): AdoptionStore {
  async function known(queries: Queries, sourceIds: readonly string[]) {
    const rows = await queries.query<{ source_id: string }>(
      // That of a person who was forgotten stands there as a mark.
      `select i.source_id from unnest($3::text[]) as i (source_id) where exists (
         select from adopted_sessions a where (a.channel, a.account) = ($1, $2)
           and a.source_id in (i.source_id, 'forgotten:' || taken_mark($1, $2, i.source_id)))`,
      [channel, account, sourceIds],
    );
    return new Set(rows.map(({ source_id: id }) => id));
  }

  return {
    known: (sourceIds) => known(database, sourceIds),
    async withOpenSession(chatUsers) {
      const rows = await database.query<{ chat_user: string }>(
        `select chat_user from conversation_sessions
         where (channel, account) = ($1, $2) and chat_user = any ($3) and status in ('active', 'escalated')`,
        [channel, account, chatUsers],
      );
      return new Set(rows.map(({ chat_user: user }) => user));
    },
    transaction: (work) =>
      database.transaction(async (queries) => {
        await queries.query("select pg_advisory_xact_lock($1)", [lockKey]);
        let last = await lowestId(queries);
        const writer: AdoptionWriter = {
          known: (sourceIds) => known(queries, sourceIds),
          nextId() {
            last -= 1n;
            return String(last);
          },
          async turns(turns) {
            const items = storableJson(turns.map(turnItem));
            await queries.query(insertTurns, [items, channel, account]);
          },
          async sessions(sessions) {
            const items = storableJson(sessions.map(sessionItem));
            const rows = await queries.query<{ id: string }>(insertSessions, [
              items,
              channel,
              account,
            ]);
            return new Set(rows.map(({ id }) => id));
          },
        };
        return work(writer);
      }),
  };
}

/** Refuses a place that cannot take them. Throws ADOPTION_UNPREPARED, ACCOUNT_UNKNOWN. */
export async function refuseUnprepared(
  database: Queries,
  { channel, account }: AdoptedTo,
): Promise<void> {
  const [row] = await database.query<{ prepared: boolean }>(
    "select to_regclass('adopted_sessions') is not null as prepared",
  );
  if (row?.prepared !== true) throw unprepared();
  if (channel === "telegram" && !(await isAccount(database, account))) throw unknown(account);
}

export async function isAccount(database: Queries, account: string): Promise<boolean> {
  const [row] = await database.query<{ there: boolean }>(
    "select to_regclass('accounts') is not null as there",
  );
  if (row?.there !== true) return false;
  return (await database.query("select 1 from accounts where name = $1", [account])).length > 0;
}

async function lowestId(queries: Queries): Promise<bigint> {
  const [row] = await queries.query<{ lowest: string }>(
    `select least(0, (select min(id) from conversation_sessions), (select min(session_id) from adopted_sessions))::text
       as lowest`,
  );
  return BigInt(row?.lowest ?? "0");
}

const turnItem = (turn: AdoptedTurn) => ({
  session_id: turn.sessionId,
  seq: turn.seq,
  inbound_id: storableText(turn.inboundId),
  asked: turn.asked,
  media: turn.media,
  replies: turn.replies,
  tool_outputs: turn.toolOutputs,
  at: turn.at,
});

const sessionItem = (session: AdoptedSession) => ({
  id: session.id,
  source_id: session.sourceId,
  chat_user: session.chatUser,
  active: session.isActive,
  turns: session.turns,
  last_seq: session.lastSeq,
  context: session.context,
  created_at: session.createdAt,
  last_turn_at: session.lastAt,
  ended_at: session.endedAt,
});

const unprepared = () =>
  new HoldfastError({
    code: "ADOPTION_UNPREPARED",
    message: "The fleet's database does not have the newest schema yet; nothing was read.",
    next: "Apply it first: npx holdfast migrate up",
  });

const unknown = (account: string) =>
  new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account ${account}; nothing was read.`,
    next: "See them with: npx holdfast status",
  });
