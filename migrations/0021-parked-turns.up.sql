-- Messages whose turns were set aside, until a person replays them. In the order in which they were set aside, which is each
-- user's own.
create table parked_turns (
  id bigint generated always as identity primary key,
  -- null, as the next three: it was no inbound item.
  channel text,
  account text,
  chat_user text,
  inbound_id text,
  -- The inbound item; null where it was none.
  item json,
  -- What came, where it was no inbound item.
  data text,
  -- Where it came from, so that it is kept once; null for a turn, which its inbound id names.
  source text unique,
  code text not null,
  reason text not null,
  parked_at timestamptz not null default now()
);
-- A turn is set aside once.
create unique index parked_turns_inbound on parked_turns (channel, account, inbound_id);
