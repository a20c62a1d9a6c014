-- Conversations: one open session per (channel, account, chat user), ordered turns, an outbox.

-- The owner of a partition of chat users; each claim mints the next epoch, and writes carry it.
create table partitions (
  id int primary key,
  epoch bigint not null default 0,
  owner text,
  claimed_at timestamptz not null default now()
);
insert into partitions (id) values (0);

create table update_cursors (
  account text primary key references accounts (name),
  pts int not null,
  qts int not null,
  date int not null,
  seq int not null,
  changed_at timestamptz not null default now()
);

-- What Telegram could no longer deliver: reported, never silent.
create table update_gaps (
  id bigint generated always as identity primary key,
  account text not null references accounts (name),
  from_pts int not null,
  to_pts int not null,
  recovered int not null,
  at timestamptz not null default now()
);

create table conversation_sessions (
  id bigint generated always as identity primary key,
  channel text not null,
  account text not null,
  chat_user text not null,
  status text not null default 'active' check (status in ('active', 'escalated', 'ended', 'expired')),
  turns int not null default 0,
  last_seq int not null default 0,
  -- {"machineId", "schemaVersion", "state"}: what the bot keeps between turns.
  snapshot jsonb,
  created_at timestamptz not null default now(),
  last_turn_at timestamptz not null default now(),
  ended_at timestamptz
) with (fillfactor = 70);
create unique index conversation_sessions_one_open
  on conversation_sessions (channel, account, chat_user)
  where status in ('active', 'escalated');
create index conversation_sessions_history
  on conversation_sessions (channel, account, chat_user, id desc);

create table messages (
  session_id bigint not null references conversation_sessions (id),
  seq int not null,
  role text not null check (role in ('user', 'bot')),
  body text not null,
  -- The choices offered with a bot's message, in order; null when there were none.
  menu jsonb,
  created_at timestamptz not null default now(),
  primary key (session_id, seq)
);

create table tool_outputs (
  session_id bigint not null references conversation_sessions (id),
  seq int not null,
  name text not null,
  output jsonb not null,
  created_at timestamptz not null default now(),
  primary key (session_id, seq)
);

-- The authority on duplicates: one row per inbound message that took effect.
create table inbound_turns (
  channel text not null,
  account text not null,
  inbound_id text not null,
  session_id bigint not null references conversation_sessions (id),
  seq int not null,
  created_at timestamptz not null default now(),
  primary key (channel, account, inbound_id)
);

create table outbox (
  id bigint generated always as identity primary key,
  channel text not null,
  account text not null,
  chat_user text not null,
  -- What the channel needs to address the chat: {"accessHash"} for Telegram.
  address jsonb not null,
  inbound_id text not null,
  reply_index int not null,
  -- The session and message that the reply is, for the references that its buttons carry.
  session_id bigint not null references conversation_sessions (id),
  seq int not null,
  random_id bigint not null,
  body text not null,
  menu jsonb,
  state text not null default 'pending' check (state in ('pending', 'sending', 'sent', 'failed')),
  -- Slot and epoch of the last attempt: what a successor needs to settle an unknown outcome.
  slot int,
  epoch bigint,
  message_id int,
  failure text,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  unique (account, random_id),
  unique (channel, account, inbound_id, reply_index)
) with (fillfactor = 70);
create index outbox_unsent on outbox (account, id) where state in ('pending', 'sending');
