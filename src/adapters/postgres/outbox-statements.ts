/*
 * The statements that claim, recover and settle replies. A claim walks from chat to chat along an index of what is
 * unsent, so that its cost grows with the chats that wait and not with their backlogs. The conditions on `state` are
 * written as the partial indexes have them: otherwise the planner does not see that they fit.
 */

const unsent = "o.state in ('pending', 'sending')";
const waiting = `${unsent} and o.state = 'pending'`;

/** Replies that leave by the holder of the account's token, and those that a partition's owner sends. */
type Owner = "holder" | "partition";

const owned = (by: Owner, of: string): string =>
  by === "holder" ? `o.account = ${of}.owner and o.partition is null` : `o.partition = ${of}.owner`;

/**
 * Of each owner in `holder`: its chats with their oldest waiting reply, and the replies to claim. `rest_ms`: the chat
 * rests so long.
 */
const pickedRows = (by: Owner): string => `
  chats as (
    select h.n, h.owner, (select o.chat_user from outbox o where ${owned(by, "h")} and ${waiting}
      order by o.chat_user limit 1) as chat_user from holder h
    union all
    select c.n, c.owner, (select o.chat_user from outbox o where ${owned(by, "c")} and ${waiting}
      and o.chat_user > c.chat_user order by o.chat_user limit 1)
    from chats c where c.chat_user is not null
  ), heads as materialized (
    select c.n, c.owner, c.chat_user, e.id, case when e.next_at > now()
      and c.chat_user <> all (h.rested) and not coalesce(e.failure = any (h.wake), false) then extract(epoch from e.next_at - now())::float8 * 1000 end as rest_ms
    from chats c join holder h on h.n = c.n cross join lateral (
      select o.id, o.next_at, o.failure from outbox o where ${owned(by, "c")} and ${waiting}
        and o.chat_user = c.chat_user order by o.id limit 1) e
  ), picked as materialized (
    select h.n, h.slot, h.epoch, p.session_id, p.seq from holder h cross join lateral (
      select r.session_id, r.seq from (
        select d.owner, d.chat_user, d.id from heads d
        where d.n = h.n and d.rest_ms is null and d.chat_user <> all (h.passed_over)
        order by d.id limit h.top) d
      cross join lateral (
        select o.id, o.session_id, o.seq from outbox o where ${owned(by, "d")} and ${waiting}
          and o.chat_user = d.chat_user order by o.id limit h.per_chat for update) r
      order by d.id, r.id limit h.top) p
  )`;

/**
 * Marks what was picked, and answers each with its text, which stands in its turn: both were written at one time,
 * which names the turn's month. A condition on `state` here would
 * make a plan from when the table was empty read all of it.
 */
const claimedRows = (slot: string): string => `
  claimed as (
    update outbox o set state = 'sending', ${slot}epoch = picked.epoch, next_at = null, changed_at = now()
    from picked where o.session_id = picked.session_id and o.seq = picked.seq
    returning picked.n, o.id, o.channel, o.account, o.chat_user, o.address, o.reply_index,
      o.random_id, o.session_id, o.seq, o.attempts, o.created_at,
      extract(epoch from now() - coalesce(o.resent_at, o.created_at))::float8 * 1000 as waited_ms
  ), rows as (
    select c.n, c.id, c.channel, c.account, c.chat_user, c.address, t.inbound_id, c.reply_index,
      c.random_id::text, t.replies -> c.reply_index as reply, c.session_id::text, c.seq, c.attempts, c.waited_ms
    from claimed c join turns t on t.session_id = c.session_id and t.seq = c.seq - 1 - c.reply_index
      and t.created_at between c.created_at - interval '1 day' and c.created_at + interval '1 day'
  )
  select h.n, (select json_agg(r order by r.id) from rows r where r.n = h.n) as rows,
    (select min(d.rest_ms) from heads d where d.n = h.n) as rest_ms
  from holder h`;

/**
 * Nothing is claimed unless the token is still held under that very epoch, locked meanwhile. Tokens are locked in the
 * order of their accounts.
 */
export const claimReplies = (mayWrite: string): string => `
  with recursive i as materialized (
    select * from json_to_recordset($1::json) as i(n int, account text, slot int, epoch bigint, top int, per_chat int,
      passed_over text[], rested text[], wake text[])
  ), holder as materialized (
    select i.n, i.account as owner, i.slot, i.epoch, i.top, i.per_chat, i.passed_over, i.rested, i.wake from i
    join tokens t on t.account = i.account and t.slot = i.slot and t.epoch = i.epoch
      and ${mayWrite}
    order by i.account for share of t
  ), ${pickedRows("holder")}, ${claimedRows("slot = picked.slot, ")}`;

/** Nothing is claimed unless the partition is still owned under that very epoch, locked meanwhile. */
export const claimPartitionReplies = `
  with recursive holder as materialized (
    select 0 as n, p.id as owner, null::int as slot, p.epoch, $3::int as top, $4::int as per_chat,
      $5::text[] as passed_over, $6::text[] as rested, $7::text[] as wake
    from partitions p where p.id = $1 and p.epoch = $2 for share of p
  ), ${pickedRows("partition")}, ${claimedRows("")}`;

/** The condition on `h.held` leaves out the replies that the sender itself has. */
const recovered = (by: Owner): string => `
  strays as (
    update outbox o set state = 'pending', attempts = greatest(o.attempts, 1), changed_at = now()
    from holder h where ${owned(by, "h")} and ${unsent} and o.state = 'sending'
      and o.session_id || ':' || o.seq <> all (h.held)
  )
  select h.n from holder h`;

/**
 * Waits for claims and commits under way, which share the token: the next statement of the transaction sees what they
 * have claimed. A claim may still run although its sender has given up hearing of it.
 */
export const awaitClaims = `
  select t.account from json_to_recordset($1::json) as i(account text, slot int, epoch bigint)
  join tokens t on t.account = i.account and t.slot = i.slot and t.epoch = i.epoch
  order by t.account for no key update of t`;

export const awaitPartitionClaims =
  "select from partitions where id = $1 and epoch = $2 for no key update";

/** What earlier attempts left waits again, and is known to have been attempted. */
export const recoverReplies = (mayWrite: string): string => `
  with i as materialized (
    select * from json_to_recordset($1::json) as i(n int, account text, slot int, epoch bigint, held text[])
  ), holder as materialized (
    select i.n, i.account as owner, i.held from i
    join tokens t on t.account = i.account and t.slot = i.slot and t.epoch = i.epoch
      and ${mayWrite}
    order by i.account for share of t
  ), ${recovered("holder")}`;

export const recoverPartitionReplies = `
  with holder as materialized (
    select 0 as n, p.id as owner, $3::text[] as held from partitions p
    where p.id = $1 and p.epoch = $2 for share of p
  ), ${recovered("partition")}`;

/**
 * Does not wait for the disk: what a crash of Postgres forgets is settled as any attempt without a result is, and
 * whatever is durable after it makes it durable too. `is true` keeps the planner from the indexes of what is unsent,
 * where every row that was settled since the last vacuum still has an entry; measured, that was three to ten times
 * slower.
 */
export const settleReplies = `
  with quick as materialized (select set_config('synchronous_commit', 'off', true))
  update outbox o set state = r.state, message_id = r.message_id, failure = r.failure, attempts = o.attempts + r.tried,
    next_at = now() + r.rest_ms * interval '1 millisecond',
    given_up_at = case when r.state = 'failed' then now() end, changed_at = now()
  from quick, json_to_recordset($1::json) as r(session_id bigint, seq int, state text, message_id int, failure text,
    tried int, rest_ms float8, slot int, epoch bigint)
  where o.session_id = r.session_id and o.seq = r.seq and (o.state = 'sending') is true
    and (r.state <> 'pending' or (o.slot is not distinct from r.slot and o.epoch = r.epoch))`;
