import {
  type ConversationRules,
  openingRule,
  type SessionEvent,
  sessionStatuses,
  type SessionStatus,
} from "../../../machines/conversation-rules.ts";
import type { TokenRules } from "../../../machines/token.ts";
import { historyColumns } from "./conversation-rows.ts";
import { forgottenUserMark, isMarked, markOf, markThem } from "./taken-messages.ts";
import { tokenStatements } from "./token-statements.ts";

/*
 * The statements about sessions. The statuses in them come from the machine's tables, as literals,
 * so that the planner sees that the partial index of open sessions fits. The index and the column's
 * values and default are the schema's; a machine with other open statuses needs a migration of
 * them.
 */

/**
 * Expires, finds or creates the session of every key, with its history. A key whose inbound id took effect
 * before gets nothing, and changes nothing. Found sessions are only read, key by key: the `limit` keeps a plan made
 * over few sessions from reading all of them later. `is not true` lets the planner expect half of the keys: for
 * `is null` it expects one, and then compares each key with every pair of others. A hundred first contacts took
 * 500 ms. Missing or expired ones are opened in the order of the keys, so that two such statements cannot wait for
 * each other. Only first contacts are looked up among the users who were forgotten.
 */
export function loadSessions(rules: ConversationRules): string {
  const opened = openedStatus(rules);
  return `
  with i as materialized (
    select * from jsonb_to_recordset($1::jsonb)
      as i(n int, channel text, account text, chat_user text, inbound_id text, inactive_ms float8)
    where (select true from taken_messages k
      where k.mark = taken_mark(i.channel, i.account, i.inbound_id) limit 1) is not true
  ), known as materialized (
    select i.n, i.channel, i.account, i.chat_user,
      s.id, s.status, s.turns, s.last_seq, s.snapshot, s.context, s.last_turn_at, ${isReturned("s")} as returned,
      s.status ${isOneOf(expiring(rules))} and s.last_turn_at < now() - i.inactive_ms * interval '1 millisecond' as is_over
    from i cross join lateral (
      select * from conversation_sessions s
      where (s.channel, s.account, s.chat_user) = (i.channel, i.account, i.chat_user)
        and s.status ${isOneOf(rules.open)}
      limit 1) s
  ), expired as (
    update conversation_sessions s set status = ${expiredTo(rules, "s.status")}, ended_at = now()
    from known k where k.is_over and s.id = k.id and s.status ${isOneOf(expiring(rules))} and s.last_turn_at = k.last_turn_at
    returning s.channel, s.account, s.chat_user
  ), missing as materialized (
    select i.* from i where not exists (select from known k where k.n = i.n and not k.is_over)
    order by channel, account, chat_user
  ), opened as (
    insert into conversation_sessions (channel, account, chat_user, context${opened.column})
    select channel, account, chat_user, (
      select h.context from conversation_sessions h
      where (h.channel, h.account, h.chat_user) = (m.channel, m.account, m.chat_user) order by h.id desc limit 1)${opened.value}
    from missing m, (select count(*) from expired) as after_expiry
    on conflict (channel, account, chat_user) where status ${isOneOf(rules.open)}
      do update set last_turn_at = conversation_sessions.last_turn_at
    returning id, channel, account, chat_user, status, turns, last_seq, snapshot, context,
      ${isReturned("conversation_sessions")} as returned, xmax = 0 as created
  ), o as (
    select k.n, k.id, k.status, k.turns, k.last_seq, k.snapshot, k.context, k.returned, false as created,
      case when k.turns = 0 then (select h.status from conversation_sessions h
        where (h.channel, h.account, h.chat_user) = (k.channel, k.account, k.chat_user) and h.id < k.id
        order by h.id desc limit 1) end as before
    from known k where not is_over
    union all
    select m.n, id, status, turns, last_seq, snapshot, context, returned, created,
      ${newestBefore(rules)}
    from missing m join opened using (channel, account, chat_user)
  )
  select o.*, case when o.turns = 0 and o.before is null then (select true from taken_messages k
      where k.mark = ${forgottenUserMark("i.channel", "i.account", "i.chat_user")} limit 1) end as forgotten,
    ${historyColumns("(i.channel, i.account, i.chat_user)")}
  from o join i using (n)`;
}

/**
 * Every turn whole or not at all. Owner's epoch, session's sequence and duplicates are judged under
 * the locks of this statement. The locks are taken in the order of the partitions, then of the
 * sessions, then of the tokens. Answers the refused turns. A duplicate is recognised because no
 * other node commits for the owner's users meanwhile; the key of the marks stands behind that.
 * Replies are claimed where the token is held under the grant and no reply of the session waits to
 * be claimed.
 */
export const commitTurns = (rules: ConversationRules, tokens: TokenRules): string => `
  with i as materialized (
    select *, ${markOf("i")} as mark from json_to_recordset($1::json) as i(n int, partition int, epoch bigint, session_id bigint,
      expected int, was text, channel text, account text, inbound_id text, chat_user text, address json,
      asked text, media json, replies json, tool_outputs json, random_ids json, sent_by int, last_seq int, snapshot json, context json, progress json,
      ends_progress boolean, status text,
      slot int, grant_epoch bigint)
  ), owner as materialized (
    select id, epoch from partitions where id in (select partition from i) order by id for share
  ), held as materialized (
    select t.account, t.slot, t.epoch from tokens t
    where (t.account, t.slot, t.epoch) in (select account, slot, grant_epoch from i where slot is not null)
      and ${tokenStatements(tokens).mayWrite("t.state")}
    order by t.account for share
  ), fresh as materialized (
    select i.* from i join owner on owner.id = i.partition and owner.epoch = i.epoch
    where not ${isMarked("i.mark")}
    order by i.session_id
  ), moved as (
    update conversation_sessions s set last_seq = f.last_seq, turns = turns + 1, snapshot = f.snapshot,
      context = f.context, status = f.status, last_turn_at = now(), ended_at = case when f.status ${isOneOf(closings(rules))} then now() end
    from fresh f where s.id = f.session_id and s.last_seq = f.expected and s.status = f.was
    returning f.*
  ), done as materialized (
    select m.*, m.slot is not null and exists (select from held h
        where (h.account, h.slot, h.epoch) = (m.account, m.slot, m.grant_epoch))
      and coalesce((select o.state from outbox o where o.session_id = m.session_id order by o.seq desc limit 1), 'pending')
        <> 'pending' as claims
    from moved m
  ), said as (
    insert into turns (session_id, seq, channel, account, inbound_id, asked, media, replies, tool_outputs, marked)
    select session_id, expected + 1, channel, account, inbound_id, asked, media, replies, tool_outputs, true
    from done
  ), marked as (
    ${markThem("done")}
  ), queued as (
    insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id, partition,
      state, slot, epoch)
    select d.channel, d.account, d.chat_user, d.address, r.number - 1, d.session_id, d.expected + 1 + r.number,
      r.random_id::bigint, d.sent_by, case when d.claims then 'sending' else 'pending' end,
      case when d.claims then d.slot end, case when d.claims then d.grant_epoch end
    from done d, json_array_elements_text(d.random_ids) with ordinality as r(random_id, number)
    order by d.n, r.number
  ), reported as (
    insert into progress_updates (channel, account, chat_user, subject, images, comments, status)
    select d.channel, d.account, d.chat_user, p.subject, p.images, p.comments, p.status
    from done d, json_to_record(d.progress) as p(subject json, images int, comments int, status text)
    where d.progress is not null
    on conflict (channel, account, chat_user) do update set subject = excluded.subject,
      images = excluded.images, comments = excluded.comments, status = excluded.status, changed_at = now()
  ), reported_no_more as (
    delete from progress_updates p using done d
    where d.ends_progress and (p.channel, p.account, p.chat_user) = (d.channel, d.account, d.chat_user)
  )
  select i.n, exists (select from owner where owner.id = i.partition and owner.epoch = i.epoch) as owned,
    ${isMarked("i.mark")} as seen, null as claimed
  from i where not exists (select from done where done.n = i.n)
  union all
  select null, null, null, array_agg(n) from done where claims`;

/** Of the sessions `s`: open ones that have rested for so many milliseconds (`$1`). */
const isResting = (rules: ConversationRules): string =>
  `s.status ${isOneOf(rules.open)} and s.status ${isOneOf(expiring(rules))}
    and s.last_turn_at < now() - $1::float8 * interval '1 millisecond'`;

/** How many sessions have rested for that long and are still open. */
export const restingSessions = (rules: ConversationRules): string =>
  `select count(*)::int as n, 0 as bytes from conversation_sessions s where ${isResting(rules)}`;

/**
 * Expires them as their users' next messages would, `$2` at most. One that a turn is just being written to is passed
 * over; a turn that has read one before is refused by its status, and taken again.
 */
export const expireSessions = (rules: ConversationRules): string => `
  with found as materialized (
    select s.id from conversation_sessions s where ${isResting(rules)}
    limit $2 for update skip locked
  ), over as (
    update conversation_sessions s set status = ${expiredTo(rules, "s.status")}, ended_at = now()
    from found where s.id = found.id returning s.id
  )
  select count(*)::int as n, 0 as bytes from over`;

/** A person's command for a session (`$1`): one statement for each status (`$2`) that it may lead to. */
export function moveSession(
  rules: ConversationRules,
  event: SessionEvent,
): readonly { readonly to: SessionStatus; readonly text: string }[] {
  const moves = rules.moves[event];
  return [...new Set(Object.values(moves))].map((to) => ({
    to,
    text: `update conversation_sessions set status = $2,${event === "resolve" ? marksReturn(rules) : ""}
           ended_at = case when $2 ${isOneOf(closings(rules))} then now() end
         where id = $1 and status ${isOneOf(rules.open.filter((from) => moves[from] === to))} returning id`,
  }));
}

/** The bot's next turn is told. A person's words count no turn, so that they do not take that away. */
const marksReturn = ({ returning }: ConversationRules): string =>
  ` returned_turns = case when status ${isOneOf(returning)} then turns else returned_turns end,`;

/** Whether the next turn of the session `s` is the first one since a person gave it back. */
const isReturned = (of: string): string => `coalesce(${of}.returned_turns = ${of}.turns, false)`;

/** The status of a session that is opened, where a migration has not given the column another default. */
const defaultStatus: SessionStatus = "active";

const literal = (status: SessionStatus): string => `'${status}'`;

/** A condition on the text before it; for no status, one that is false. */
export function isOneOf(statuses: readonly SessionStatus[]): string {
  if (statuses.length === 0) return "is null";
  const list = statuses.map(literal).join(", ");
  return statuses.length === 1 ? `= ${list}` : `in (${list})`;
}

const expiring = ({ open, moves }: ConversationRules): readonly SessionStatus[] =>
  open.filter((status) => moves.inactive[status] !== undefined);

/** The statuses that end a session, among those that a turn or a person leads to. */
function closings({ open, inbound, moves }: ConversationRules): readonly SessionStatus[] {
  const { escalate, resolve, end } = moves;
  const reached = [
    ...open.map((status) => inbound[status].to),
    ...[escalate, resolve, end].flatMap((of) => Object.values(of)),
  ];
  return [...new Set(reached)].filter((status) => !open.includes(status));
}

/** The status that a resting session in `column` gets. */
function expiredTo({ open, moves }: ConversationRules, column: string): string {
  const targets = open.flatMap((from) => {
    const to = moves.inactive[from];
    return to === undefined ? [] : [{ from, to }];
  });
  return chosen(column, targets, targets[0]?.to);
}

/**
 * The status of the newest session of `m` before this statement, or its status after expiry in this
 * statement.
 */
function newestBefore(rules: ConversationRules): string {
  const expired = expiredTo(rules, "k.status");
  const to = expired.startsWith("'") ? expired : `(select ${expired} from known k where k.n = m.n)`;
  return `case when exists (select from expired e where (e.channel, e.account, e.chat_user) =
        (m.channel, m.account, m.chat_user)) then ${to} else (
        select h.status from conversation_sessions h
        where (h.channel, h.account, h.chat_user) = (m.channel, m.account, m.chat_user)
        order by h.id desc limit 1) end`;
}

/** Column and value of a new session's status; empty where the column's default is right for all. */
function openedStatus(rules: ConversationRules): {
  readonly column: string;
  readonly value: string;
} {
  const first = openingRule(rules, null).to;
  const later = sessionStatuses.map((from) => ({ from, to: openingRule(rules, from).to }));
  const value = chosen(`(${newestBefore(rules)})`, later, first);
  return value === literal(defaultStatus)
    ? { column: "", value: "" }
    : { column: ", status", value: `, ${value}` };
}

/** `to` of the status that the column has; `otherwise` for none of them. One literal where they are all the same. */
function chosen(
  column: string,
  moves: readonly { readonly from: SessionStatus; readonly to: SessionStatus }[],
  otherwise: SessionStatus = defaultStatus,
): string {
  if (moves.every(({ to }) => to === otherwise)) return literal(otherwise);
  const whens = moves.map(({ from, to }) => `when ${literal(from)} then ${literal(to)}`);
  return `case ${column} ${whens.join(" ")} else ${literal(otherwise)} end`;
}
