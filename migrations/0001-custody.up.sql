-- Accounts, their authorisations (slots), and the tokens that say who may connect with each.

create table accounts (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  kind text not null check (kind in ('user', 'bot')),
  serving_slot int,
  state text not null default 'unauthorised',
  reason jsonb,
  -- Phone number or bot token, encrypted.
  credentials bytea not null,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);

create table authorisations (
  account text not null references accounts (name),
  slot int not null,
  state text not null check (
    state in ('PENDING', 'SERVING', 'RETIRING', 'RETIRED', 'DISCARDED', 'DEAD')
  ),
  -- 16 hex digits; unique across the fleet, so that one key imported twice is refused.
  key_id text unique,
  -- The session of the client library, encrypted with (account, slot) as associated data.
  session bytea,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  primary key (account, slot)
);
create unique index authorisations_one_serving on authorisations (account) where state = 'SERVING';

create table incarnations (
  id text primary key,
  host text not null,
  state text not null default 'LIVE' check (state in ('LIVE', 'REVOKED', 'RELEASED')),
  proof jsonb not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz
);
create index incarnations_live on incarnations (host) where state = 'LIVE';

create table tokens (
  account text not null,
  slot int not null,
  epoch bigint not null default 0,
  state text not null default 'free' check (
    state in ('free', 'granted', 'connected', 'draining', 'suspect', 'revoked')
  ),
  held_as text check (held_as in ('granted', 'connected', 'draining')),
  incarnation text references incarnations (id),
  changed_at timestamptz not null default now(),
  primary key (account, slot),
  foreign key (account, slot) references authorisations (account, slot),
  check ((state = 'free') = (incarnation is null))
);

create table renewals (
  id text primary key,
  account text not null references accounts (name),
  method text not null,
  state text not null check (state in ('preparing', 'prepared', 'switched', 'done', 'aborted')),
  from_slot int not null,
  to_slot int,
  reason jsonb,
  requested_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);
create unique index renewals_one_open on renewals (account)
  where state in ('preparing', 'prepared', 'switched');

create table lifecycle_events (
  id bigint generated always as identity primary key,
  account text not null references accounts (name),
  at timestamptz not null default now(),
  from_state text not null,
  to_state text not null,
  event text not null,
  epoch bigint not null,
  reason jsonb
);
create index lifecycle_events_by_account on lifecycle_events (account, id);
