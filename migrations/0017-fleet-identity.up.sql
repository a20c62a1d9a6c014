-- Which fleet this database belongs to, and what its hosts promise one another about silence: one row.

create table fleet (
  one boolean primary key default true check (one),
  id text not null,
  -- Milliseconds, as the variables of these names.
  suspect_ms int not null,
  hold_ms int not null,
  take_ms int not null,
  answer_ms int not null,
  -- Until then the next host may write the id into a NATS that does not know it.
  adopt_until timestamptz,
  changed_at timestamptz not null default now()
);
