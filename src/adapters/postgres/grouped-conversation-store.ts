import {
  type ConversationKey,
  type ConversationStore,
  historyMessages,
  historyToolOutputs,
  type LoadedSession,
  type TurnOutcome,
  type TurnRecord,
} from "../../ports/conversation-store.ts";
import { createBatcher } from "./batcher.ts";
import { brokenUniqueConstraint, type Database } from "./database.ts";
import {
  isWhole,
  loadTriesMax,
  ownerStatements,
  rowsOf,
  type SessionRow,
  toSession,
} from "./conversation-rows.ts";
import { storableJson } from "../../ports/storable-text.ts";

export interface GroupLimits {
  /** Statements of one kind that run at the same time. */
  readonly lanes: number;
  /** Turns of one statement at most. */
  readonly sizeMax: number;
}

const defaultLimits: GroupLimits = { lanes: 2, sizeMax: 100 };

/**
 * Expires, finds or creates the session of every key, with its history. What is found is only read; what is missing or
 * over is opened in the order of the keys, so that two such statements cannot wait for each other.
 */
const loadSessions = `
  with i as materialized (
    select * from jsonb_to_recordset($1::jsonb) as i(n int, channel text, account text, chat_user text, inactive_ms float8)
  ), known as materialized (
    select i.n, s.id, s.status, s.turns, s.last_seq, s.snapshot, s.last_turn_at,
      s.status = 'active' and s.last_turn_at < now() - i.inactive_ms * interval '1 millisecond' as is_over
    from i join conversation_sessions s using (channel, account, chat_user)
    where s.status in ('active', 'escalated')
  ), expired as (
    update conversation_sessions s set status = 'expired', ended_at = now()
    from known k where k.is_over and s.id = k.id and s.status = 'active' and s.last_turn_at = k.last_turn_at
    returning s.channel, s.account, s.chat_user
  ), missing as materialized (
    select i.* from i where not exists (select from known k where k.n = i.n and not k.is_over)
    order by channel, account, chat_user
  ), opened as (
    insert into conversation_sessions (channel, account, chat_user)
    select channel, account, chat_user from missing, (select count(*) from expired) as after_expiry
    on conflict (channel, account, chat_user) where status in ('active', 'escalated')
      do update set last_turn_at = conversation_sessions.last_turn_at
    returning id, channel, account, chat_user, status, turns, last_seq, snapshot, xmax = 0 as created
  ), o as (
    select n, id, status, turns, last_seq, snapshot, false as created, null as before
    from known where not is_over
    union all
    select m.n, id, status, turns, last_seq, snapshot, created,
      case when exists (select from expired e where (e.channel, e.account, e.chat_user) =
        (m.channel, m.account, m.chat_user)) then 'expired' else (
        select h.status from conversation_sessions h
        where (h.channel, h.account, h.chat_user) = (m.channel, m.account, m.chat_user)
        order by h.id desc limit 1) end
    from missing m join opened using (channel, account, chat_user)
  )
  select o.*,
    (select json_agg(m order by m.seq) from (
      select seq, role, body, menu from messages where session_id = o.id
      order by seq desc limit ${historyMessages}) m) as messages,
    (select json_agg(t order by t.seq) from (
      select seq, name, output from tool_outputs where session_id = o.id
      order by seq desc limit ${historyToolOutputs}) t) as tool_outputs
  from o`;

/**
 * Every turn whole or not at all: owner's epoch, session's sequence and duplicates are judged under the locks of this
 * statement, which are taken in the order of the sessions.
 */
const commitTurns = `
  with i as materialized (
    select * from jsonb_to_recordset($1::jsonb) as i(n int, epoch bigint, session_id bigint, expected int, was text,
      channel text, account text, inbound_id text, chat_user text, address jsonb, last_seq int,
      snapshot jsonb, status text, messages jsonb, tool_outputs jsonb, replies jsonb)
  ), owner as materialized (
    select epoch from partitions where id = 0 for share
  ), head as materialized (
    select i.n, s.id from conversation_sessions s join i on i.session_id = s.id
    where s.last_seq = i.expected and s.status = i.was
      and exists (select from owner where owner.epoch = i.epoch)
    order by s.id for update of s
  ), fresh as materialized (
    select i.* from i join head using (n) where not exists (
      select from inbound_turns t where (t.channel, t.account, t.inbound_id) = (i.channel, i.account, i.inbound_id))
  ), seen as (
    insert into inbound_turns (channel, account, inbound_id, session_id, seq)
    select channel, account, inbound_id, session_id, expected + 1 from fresh
  ), said as (
    insert into messages (session_id, seq, role, body, menu)
    select f.session_id, m.seq, m.role, m.body, m.menu from fresh f,
      jsonb_to_recordset(f.messages) as m(seq int, role text, body text, menu jsonb)
  ), recorded as (
    insert into tool_outputs (session_id, seq, name, output)
    select f.session_id, t.seq, t.name, coalesce(t.output, 'null') from fresh f,
      jsonb_to_recordset(f.tool_outputs) as t(seq int, name text, output jsonb)
  ), queued as (
    insert into outbox (channel, account, chat_user, address, inbound_id, reply_index,
      session_id, seq, random_id, body, menu)
    select f.channel, f.account, f.chat_user, f.address, f.inbound_id, r.index, f.session_id, r.seq,
      r.random_id, r.body, r.menu from fresh f,
      jsonb_to_recordset(f.replies) as r(index int, seq int, random_id bigint, body text, menu jsonb)
    order by f.n, r.index
  ), moved as (
    update conversation_sessions s set last_seq = f.last_seq, turns = turns + 1, snapshot = f.snapshot,
      status = f.status, last_turn_at = now(), ended_at = case when f.status = 'ended' then now() end
    from fresh f where s.id = f.session_id
  )
  select i.n, exists (select from owner where owner.epoch = i.epoch) as owned,
    exists (select from fresh f where f.n = i.n) as committed,
    exists (select from inbound_turns t
      where (t.channel, t.account, t.inbound_id) = (i.channel, i.account, i.inbound_id)) as seen
  from i order by i.n`;

interface Load {
  readonly key: ConversationKey;
  readonly inactiveAfterMs: number;
}

interface Commit {
  readonly turn: TurnRecord;
  readonly ownerEpoch: number;
}

/** The same as one statement per turn, with those of many users in one statement and one commit. */
export function createGroupedConversationStore(
  database: Database,
  limits: GroupLimits = defaultLimits,
): ConversationStore {
  let lookups = 0;

  const loads = createBatcher<Load, SessionRow>({
    ...limits,
    keyOf: ({ key: { channel, account, chatUser } }) => `${channel} ${account} ${chatUser}`,
    async run(items) {
      lookups += items.length;
      const rows = await database.query<SessionRow & { readonly n: number }>(loadSessions, [
        storableJson(
          items.map(({ key: { channel, account, chatUser }, inactiveAfterMs }, n) => ({
            n,
            channel,
            account,
            chat_user: chatUser,
            inactive_ms: inactiveAfterMs,
          })),
        ),
      ]);
      const byNumber = new Map(rows.map((row) => [row.n, row]));
      return items.map((_, n) => byNumber.get(n)!);
    },
  });

  const commits = createBatcher<Commit, TurnOutcome>({
    ...limits,
    keyOf: ({ turn }) => turn.session.id,
    async run(items) {
      const rows = await database
        .query<{ owned: boolean; committed: boolean; seen: boolean }>(commitTurns, [
          storableJson(items.map(({ turn, ownerEpoch }, n) => itemOf(turn, ownerEpoch, n))),
        ])
        .catch((error: unknown) => {
          const isOne = items.length === 1;
          if (!isOne || brokenUniqueConstraint(error) !== "inbound_turns_pkey") throw error;
          return [{ owned: true, committed: false, seen: true }];
        });
      return rows.map(({ owned, committed, seen }): TurnOutcome => {
        if (committed) return "committed";
        if (!owned) return "stale-owner";
        return seen ? "duplicate" : "conflict";
      });
    },
  });

  return {
    ...ownerStatements(database),
    get sessionLookups() {
      return lookups;
    },
    async load(key, inactiveAfterMs): Promise<LoadedSession> {
      for (let tries = 1; ; tries += 1) {
        const row = await loads.add({ key, inactiveAfterMs });
        if (isWhole(row) || tries === loadTriesMax) return toSession(row);
      }
    },
    commit: (turn, ownerEpoch) => commits.add({ turn, ownerEpoch }),
  };
}

function itemOf(turn: TurnRecord, ownerEpoch: number, n: number) {
  const rows = rowsOf(turn);
  return {
    n,
    epoch: ownerEpoch,
    session_id: turn.session.id,
    expected: turn.session.lastSeq,
    was: turn.session.status,
    channel: turn.channel,
    account: turn.account,
    inbound_id: rows.inboundId,
    chat_user: turn.chatUser,
    address: rows.address,
    last_seq: rows.lastSeq,
    snapshot: rows.snapshot,
    status: turn.status,
    messages: rows.messages,
    tool_outputs: rows.toolOutputs,
    replies: rows.replies,
  };
}
