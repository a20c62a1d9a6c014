import {
  type ConversationKey,
  type ConversationStore,
  historyMessages,
  historyToolOutputs,
  type TurnOutcome,
  type TurnRecord,
} from "../../ports/conversation-store.ts";
import {
  isWhole,
  loadTriesMax,
  ownerStatements,
  rowsOf,
  type SessionRow,
  toSession,
} from "./conversation-rows.ts";
import { brokenUniqueConstraint, type Database } from "./database.ts";
import { storableJson } from "../../ports/storable-text.ts";

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
    insert into conversation_sessions (channel, account, chat_user)
    select $1, $2, $3 from (select count(*) from expired) as after_expiry
    on conflict (channel, account, chat_user) where status in ('active', 'escalated')
      do update set last_turn_at = conversation_sessions.last_turn_at
    returning id, status, turns, last_seq, snapshot, xmax = 0 as created
  )
  select o.id, o.status, o.turns, o.last_seq, o.snapshot, o.created,
    case when exists (select from expired) then 'expired' else (
      select status from conversation_sessions
      where channel = $1 and account = $2 and chat_user = $3 order by id desc limit 1) end as before,
    (select json_agg(m order by m.seq) from (
      select seq, role, body, menu from messages where session_id = o.id
      order by seq desc limit ${historyMessages}) m) as messages,
    (select json_agg(t order by t.seq) from (
      select seq, name, output from tool_outputs where session_id = o.id
      order by seq desc limit ${historyToolOutputs}) t) as tool_outputs
  from opened o`;

/** Everything of a turn, or nothing: owner's epoch, session's sequence and duplicates are judged under locks. */
const commitTurn = `
  with owner as (select from partitions where id = 0 and epoch = $1 for share),
  head as (
    select id from conversation_sessions where id = $2 and last_seq = $3
      and status = $15 and exists (select from owner) for update
  ), fresh as (
    select id from head where not exists (
      select from inbound_turns where channel = $4 and account = $5 and inbound_id = $6)
  ), seen as (
    insert into inbound_turns (channel, account, inbound_id, session_id, seq)
    select $4, $5, $6, id, $3 + 1 from fresh
  ), said as (
    insert into messages (session_id, seq, role, body, menu)
    select id, m.seq, m.role, m.body, m.menu from fresh,
      jsonb_to_recordset($7::jsonb) as m(seq int, role text, body text, menu jsonb)
  ), recorded as (
    insert into tool_outputs (session_id, seq, name, output)
    select id, t.seq, t.name, coalesce(t.output, 'null') from fresh,
      jsonb_to_recordset($8::jsonb) as t(seq int, name text, output jsonb)
  ), queued as (
    insert into outbox (channel, account, chat_user, address, inbound_id, reply_index,
      session_id, seq, random_id, body, menu)
    select $4, $5, $9, $10::jsonb, $6, r.index, id, r.seq, r.random_id, r.body, r.menu from fresh,
      jsonb_to_recordset($11::jsonb) as r(index int, seq int, random_id bigint, body text, menu jsonb)
  ), moved as (
    update conversation_sessions s set last_seq = $12, turns = turns + 1, snapshot = $13::jsonb,
      status = $14, last_turn_at = now(), ended_at = case when $14 = 'ended' then now() end
    from fresh where s.id = fresh.id
  )
  select exists (select from owner) as owned, exists (select from fresh) as committed,
    exists (select from inbound_turns
      where channel = $4 and account = $5 and inbound_id = $6) as seen`;

/** One statement loads a session, one commits a turn. */
export function createConversationStore(database: Database): ConversationStore {
  let lookups = 0;

  async function loadOnce(key: ConversationKey, inactiveAfterMs: number): Promise<SessionRow> {
    lookups += 1;
    const values = [key.channel, key.account, key.chatUser, inactiveAfterMs];
    const [row] = await database.query<SessionRow>(loadSession, values);
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
    async commit(turn, ownerEpoch): Promise<TurnOutcome> {
      try {
        const [row] = await database.query<{ owned: boolean; committed: boolean; seen: boolean }>(
          commitTurn,
          commitValues(turn, ownerEpoch),
        );
        if (row!.committed) return "committed";
        if (!row!.owned) return "stale-owner";
        return row!.seen ? "duplicate" : "conflict";
      } catch (error) {
        if (brokenUniqueConstraint(error) === "inbound_turns_pkey") return "duplicate";
        throw error;
      }
    },
  };
}

function commitValues(turn: TurnRecord, ownerEpoch: number): unknown[] {
  const rows = rowsOf(turn);
  return [
    ownerEpoch,
    turn.session.id,
    turn.session.lastSeq,
    turn.channel,
    turn.account,
    rows.inboundId,
    storableJson(rows.messages),
    storableJson(rows.toolOutputs),
    turn.chatUser,
    JSON.stringify(rows.address),
    storableJson(rows.replies),
    rows.lastSeq,
    storableJson(rows.snapshot),
    turn.status,
    turn.session.status,
  ];
}
