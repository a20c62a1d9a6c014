import {
  type ConversationKey,
  type ConversationStore,
  type PartitionClaim,
  type TurnOutcome,
  type TurnRecord,
} from "../../ports/conversation-store.ts";
import {
  historyColumns,
  indexViolation,
  isWhole,
  loadTriesMax,
  ownerStatements,
  rowsOf,
  type SessionRow,
  toSession,
} from "./conversation-rows.ts";
import type { Database } from "./database.ts";
import { storableJson, storableText } from "../../ports/storable-text.ts";

/**
 * Expire, find or create, with history, in one statement. The insert waits for `expired` by reading it; the
 * conflict with the open session is the find. `before` is the newest session as it was before the statement.
 */
const loadSession = `
  with expired as (
    update conversation_sessions set status = 'expired', ended_at = now()
    where channel = $1 and account = $2 and chat_user = $3 and status = 'active'
      and last_turn_at < now() - $4 * interval '1 millisecond'
    returning id
  ), opened as (
    insert into conversation_sessions (channel, account, chat_user, context)
    select $1, $2, $3, (
      select context from conversation_sessions
      where channel = $1 and account = $2 and chat_user = $3 order by id desc limit 1)
    from (select count(*) from expired) as after_expiry
    on conflict (channel, account, chat_user) where status in ('active', 'escalated')
      do update set last_turn_at = conversation_sessions.last_turn_at
    returning id, status, turns, last_seq, snapshot, context, xmax = 0 as created
  )
  select o.id, o.status, o.turns, o.last_seq, o.snapshot, o.context, o.created,
    case when exists (select from expired) then 'expired' else (
      select status from conversation_sessions
      where channel = $1 and account = $2 and chat_user = $3 order by id desc limit 1) end as before,
    ${historyColumns("($1, $2, $3)")}
  from opened o`;

/** Everything of a turn, or nothing: owner's epoch, session's sequence and duplicates are judged under locks. */
const commitTurn = `
  with owner as (select from partitions where id = $1 and epoch = $2 for share),
  head as (
    select id from conversation_sessions where id = $3 and last_seq = $4
      and status = $5 and exists (select from owner) for update
  ), said as (
    insert into turns (session_id, seq, channel, account, inbound_id, asked, replies, tool_outputs, media)
    select id, $6::int, $7, $8, $9, $10, $11::json, $12::json, $22::json from head
    on conflict (channel, account, inbound_id) do nothing
    returning session_id
  ), queued as (
    insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id, partition)
    select $7, $8, $13, $14::json, r.n - 1, said.session_id, $6::int + r.n, r.random_id, $23::int
    from said, unnest($15::bigint[]) with ordinality as r(random_id, n)
  ), moved as (
    update conversation_sessions s set last_seq = $16, turns = turns + 1, snapshot = $17::json,
      context = $19::json, status = $18, last_turn_at = now(), ended_at = case when $18 = 'ended' then now() end
    from said where s.id = said.session_id
  ), reported as (
    insert into progress_updates (channel, account, chat_user, subject, images, comments, status)
    select $7, $8, $13, p.subject, p.images, p.comments, p.status
    from said, json_to_record($20::json) as p(subject json, images int, comments int, status text)
    where $20::json is not null
    on conflict (channel, account, chat_user) do update set subject = excluded.subject,
      images = excluded.images, comments = excluded.comments, status = excluded.status, changed_at = now()
  ), reported_no_more as (
    delete from progress_updates p using said
    where $21::boolean and (p.channel, p.account, p.chat_user) = ($7, $8, $13)
  )
  select exists (select from owner) as owned, exists (select from said) as committed,
    exists (select from turns where channel = $7 and account = $8 and inbound_id = $9) as seen`;

/** One statement loads a session, one commits a turn. */
export function createConversationStore(database: Database): ConversationStore {
  let lookups = 0;

  async function loadOnce(key: ConversationKey, inactiveAfterMs: number): Promise<SessionRow> {
    lookups += 1;
    const values = [key.channel, key.account, key.chatUser, inactiveAfterMs];
    const [row] = await database
      .query<SessionRow>(loadSession, values, "load-session")
      .catch((error: unknown) => Promise.reject(indexViolation(error)));
    return row!;
  }

  return {
    ...ownerStatements(database),
    get sessionLookups() {
      return lookups;
    },
    async load(key, inactiveAfterMs) {
      for (let tries = 1; ; tries += 1) {
        const row = await loadOnce(key, inactiveAfterMs);
        if (isWhole(row) || tries === loadTriesMax) return toSession(row);
      }
    },
    async commit(turn, claim): Promise<TurnOutcome> {
      const [row] = await database.query<{ owned: boolean; committed: boolean; seen: boolean }>(
        commitTurn,
        commitValues(turn, claim),
        "commit-turn",
      );
      if (row!.committed) return "committed";
      if (!row!.owned) return "stale-owner";
      return row!.seen ? "duplicate" : "conflict";
    },
  };
}

function commitValues(turn: TurnRecord, claim: PartitionClaim): unknown[] {
  const rows = rowsOf(turn, claim);
  return [
    claim.partition,
    claim.epoch,
    turn.session.id,
    turn.session.lastSeq,
    turn.session.status,
    rows.askedSeq,
    turn.channel,
    turn.account,
    rows.inboundId,
    storableText(turn.text),
    rows.replies && storableJson(rows.replies),
    rows.toolOutputs && storableJson(rows.toolOutputs),
    turn.chatUser,
    JSON.stringify(rows.address),
    rows.randomIds,
    rows.lastSeq,
    storableJson(rows.snapshot),
    turn.status,
    rows.context && storableJson(rows.context),
    rows.progress && storableJson(rows.progress),
    rows.endsProgress,
    rows.media && storableJson(rows.media),
    rows.sentBy,
  ];
}
