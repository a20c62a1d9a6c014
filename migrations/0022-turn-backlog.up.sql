-- Items of chat users who are behind: each waits here, in the order of its stream, until its turn is committed.
create table turn_backlog (
  partition int not null,
  channel text not null,
  account text not null,
  chat_user text not null,
  -- In the partition's stream; a stream that was made anew counts from the beginning, so the id is a part of the key.
  position bigint not null,
  inbound_id text not null,
  item json not null,
  moved_at timestamptz not null default now(),
  primary key (partition, channel, account, chat_user, position, inbound_id)
);
