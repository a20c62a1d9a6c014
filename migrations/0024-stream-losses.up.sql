-- What the inbound streams have acknowledged, kept apart from them: a NATS that forgets is noticed.
create table inbound_streams (
  partition int primary key,
  -- The identity of the stream; empty: not seen yet.
  created text not null default '',
  last_seq bigint not null default 0,
  settled_seq bigint not null default 0
);
insert into inbound_streams (partition) select generate_series(0, 7);

-- One row for each time that a stream was found without what it had acknowledged.
create table inbound_losses (
  id bigint generated always as identity primary key,
  partition int not null,
  known_seq bigint not null,
  found_seq bigint not null,
  messages_max bigint not null,
  at timestamptz not null default now()
);

-- Everything before the cursor is stored at these positions or before, as of that many losses.
alter table update_cursors
  add column positions bigint[] not null default '{}',
  add column losses bigint not null default 0;

-- The newest cursor before which every message has had its turn, and the one that may follow it.
create table cursor_marks (
  account text primary key references accounts (name) on delete cascade,
  pts int not null,
  qts int not null,
  date int not null,
  seq int not null,
  next_pts int,
  next_qts int,
  next_date int,
  next_seq int,
  next_positions bigint[],
  next_losses bigint
);
insert into cursor_marks (account, pts, qts, date, seq)
  select account, pts, qts, date, seq from update_cursors;

-- Gaps that are being read back from histories, chat by chat.
create table gap_readings (
  account text primary key references accounts (name) on delete cascade,
  from_pts int not null,
  to_pts int not null,
  since_date int not null,
  -- [{"userId", "accessHash"}], the newest first.
  unread jsonb not null,
  recovered int not null,
  missing text[] not null,
  begun_at timestamptz not null default now()
);

-- What could not be read back, in words.
alter table update_gaps add column missing text[] not null default '{}';
