-- Who may speak to the fleet, what they said, and moves of all accounts to fresh keys.

create table callers (
  -- The public half of the key that the broker checks.
  key text primary key,
  name text not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  role text not null check (role in ('read', 'send', 'operate')),
  -- null: all.
  accounts text[],
  added_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz
);
-- The name of a revoked caller may be given again: to another key.
create unique index callers_by_name on callers (name) where revoked_at is null;

-- Every command, before it runs and when it has ended: append-only, one chain of hashes for each start of a node.
create table audit (
  chain text not null,
  seq bigint not null check (seq > 0),
  -- JSON; `previous` in it is the sha256 of the line before.
  line text not null,
  at timestamptz not null default now(),
  primary key (chain, seq)
);
create index audit_by_time on audit (at);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit is append-only';
end $$;
create trigger audit_append_only before update or delete or truncate on audit
  for each statement execute function audit_is_append_only();

-- How far each chain has come: lines that were stored once and are gone are missed.
create table audit_heads (
  chain text primary key,
  host text not null,
  seq bigint not null check (seq > 0),
  -- The sha256 of the line of that number, in hex.
  digest text not null
);

-- A move of all accounts to fresh keys. It can be taken up again until it has ended.
create table renewal_campaigns (
  id text primary key,
  because text not null,
  begun_at timestamptz not null default now(),
  ended_at timestamptz
);
create unique index renewal_campaigns_open on renewal_campaigns (because) where ended_at is null;
