-- Turns that were under way in a process of a bot when that ended: each runs alone from then on, and is set aside in
-- the end. A row outlives node and host, so that no message ends one process after the other for ever.
create table bot_suspects (
  channel text not null,
  account text not null,
  inbound_id text not null,
  partition int not null,
  deaths int not null,
  -- How the newest process ended, such as BOT_CRASHED.
  code text not null,
  reason text not null,
  died_at timestamptz not null default now(),
  primary key (channel, account, inbound_id)
);
