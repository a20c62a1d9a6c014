-- Sessions that came from the database of another bot, so that each comes once. Their ids in conversation_sessions are
-- negative: they were before every session of this fleet.
create table adopted_sessions (
  channel text not null,
  account text not null,
  -- The session's id in the old database.
  source_id text not null,
  session_id bigint not null unique,
  adopted_at timestamptz not null default now(),
  primary key (channel, account, source_id)
);
