-- What every gate has written to its journal, line by line as it stands there: append-only, chained by hashes.

create table custody_ledger (
  incarnation text not null,
  seq bigint not null check (seq > 0),
  host text not null,
  -- The line itself; `previous` in it is the sha256 of the line before.
  line text not null,
  shipped_at timestamptz not null default now(),
  primary key (incarnation, seq)
);
create index custody_ledger_by_time on custody_ledger (shipped_at);

create function custody_ledger_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'custody_ledger is append-only';
end $$;
create trigger custody_ledger_append_only before update or delete or truncate on custody_ledger
  for each statement execute function custody_ledger_is_append_only();

-- How far each journal had come when its gate was last asked: what the ledger must have, and until when it tells all.
create table custody_heads (
  incarnation text primary key,
  host text not null,
  seq bigint not null check (seq >= 0),
  -- The sha256 of the line of that number, in hex.
  digest text not null,
  -- The ledger holds all that the gate wrote until then.
  as_of timestamptz,
  ended boolean not null
);
