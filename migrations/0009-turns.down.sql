alter table conversation_sessions set (fillfactor = 70), reset (autovacuum_vacuum_scale_factor);
drop table turn_steps;
alter table conversation_sessions drop column context;
alter table conversation_sessions alter column snapshot type jsonb using snapshot::jsonb;
alter table outbox set (fillfactor = 70), reset (autovacuum_vacuum_scale_factor);

drop view messages;
create table messages (
  session_id bigint not null references conversation_sessions (id),
  seq int not null,
  role text not null check (role in ('user', 'bot')),
  body text not null,
  menu jsonb,
  created_at timestamptz not null default now(),
  primary key (session_id, seq)
);
insert into messages (session_id, seq, role, body, created_at)
select session_id, seq, 'user', asked, created_at from turns;
insert into messages (session_id, seq, role, body, menu, created_at)
select t.session_id, t.seq + r.number, 'bot', r.reply ->> 'body', nullif((r.reply -> 'menu')::jsonb, 'null'), t.created_at
from turns t, json_array_elements(t.replies) with ordinality as r (reply, number);

create table tool_outputs (
  session_id bigint not null references conversation_sessions (id),
  seq int not null,
  name text not null,
  output jsonb not null,
  created_at timestamptz not null default now(),
  primary key (session_id, seq)
);
insert into tool_outputs (session_id, seq, name, output, created_at)
select t.session_id, o.seq, o.name, coalesce(o.output, 'null'), t.created_at
from turns t, json_to_recordset(t.tool_outputs) as o (seq int, name text, output jsonb);

create table inbound_turns (
  channel text not null,
  account text not null,
  inbound_id text not null,
  session_id bigint not null references conversation_sessions (id),
  seq int not null,
  created_at timestamptz not null default now(),
  primary key (channel, account, inbound_id)
);
insert into inbound_turns (channel, account, inbound_id, session_id, seq, created_at)
select channel, account, inbound_id, session_id, seq, created_at from turns;

alter table outbox drop constraint outbox_pkey;
alter table outbox add column inbound_id text, add column body text, add column menu jsonb;
update outbox o set inbound_id = t.inbound_id, body = t.replies -> o.reply_index ->> 'body',
  menu = nullif((t.replies -> o.reply_index -> 'menu')::jsonb, 'null')
from turns t where t.session_id = o.session_id and t.seq = o.seq - 1 - o.reply_index;
alter table outbox alter column inbound_id set not null, alter column body set not null;
alter table outbox alter column address type jsonb using address::jsonb;
alter table outbox add primary key (id), add unique (account, random_id),
  add unique (channel, account, inbound_id, reply_index),
  add foreign key (session_id) references conversation_sessions (id);

drop table turns;
