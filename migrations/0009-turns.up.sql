-- One row per turn in place of one per message, tool output and inbound id: a turn is written and read whole. The statement that
-- writes it holds its session's row, so the rows that follow from a session need no foreign keys of their own.
create table turns (
  session_id bigint not null,
  -- Of the user's message; the replies are numbered after it.
  seq int not null,
  channel text not null,
  account text not null,
  inbound_id text not null,
  asked text not null,
  -- [{"body", "menu"}] in order; null when there were none.
  replies json,
  -- [{"seq", "name", "output"}], numbered apart from the messages; null when nothing was recorded.
  tool_outputs json,
  created_at timestamptz not null default now(),
  primary key (session_id, seq)
);

insert into turns (session_id, seq, channel, account, inbound_id, asked, replies, tool_outputs, created_at)
select i.session_id, i.seq, i.channel, i.account, i.inbound_id,
  coalesce((select m.body from messages m where m.session_id = i.session_id and m.seq = i.seq), ''),
  (select json_agg(json_build_object('body', m.body, 'menu', m.menu) order by m.seq) from messages m
    where m.session_id = i.session_id and m.seq > i.seq and m.seq < i.next_seq),
  (select json_agg(json_build_object('seq', o.seq, 'name', o.name, 'output', o.output) order by o.seq) from tool_outputs o
    where o.session_id = i.session_id and o.seq >= i.seq * 64 and (o.seq + 0.0) / 64 < i.next_seq),
  i.created_at
from (
  select t.*, coalesce(lead(seq) over (partition by session_id order by seq), 2147483647) as next_seq from inbound_turns t
) i;

-- The authority on duplicates: an inbound message takes effect once.
create unique index turns_inbound on turns (channel, account, inbound_id);
create index turns_with_outputs on turns (session_id, seq) where tool_outputs is not null;

-- What a reply says stands in its turn.
alter table outbox drop constraint outbox_session_id_fkey;
alter table outbox drop constraint outbox_account_random_id_key;
alter table outbox drop constraint outbox_channel_account_inbound_id_reply_index_key;
alter table outbox drop constraint outbox_pkey;
alter table outbox drop column inbound_id, drop column body, drop column menu;
alter table outbox alter column address type json using address::json;
alter table outbox add primary key (session_id, seq);

drop table messages, tool_outputs, inbound_turns;
-- For people and scripts: what was said, one row per message.
create view messages as
select session_id, seq, 'user' as role, asked as body, null::json as menu, created_at from turns
union all
select t.session_id, t.seq + r.number::int, 'bot', r.reply ->> 'body', nullif((r.reply -> 'menu')::text, 'null')::json, t.created_at
from turns t, json_array_elements(t.replies) with ordinality as r (reply, number);

alter table conversation_sessions alter column snapshot type json using snapshot::json;
-- What is known about the chat user beyond one session, such as the language: carried from session to session.
alter table conversation_sessions add column context json;

-- Outcomes of calls to the outside that a turn has made: a turn that is taken again does not repeat them.
create table turn_steps (
  channel text not null,
  account text not null,
  inbound_id text not null,
  name text not null,
  result json not null,
  created_at timestamptz not null default now(),
  primary key (channel, account, inbound_id, name)
);
create index turn_steps_age on turn_steps (created_at);

-- A turn changes its session in place as long as no index covers what it changes and the page has room.
alter table conversation_sessions set (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
alter table outbox set (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
