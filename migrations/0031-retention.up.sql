-- One host at a time removes what is older than it is to be kept: who does, until when, and when the next one may.
create table retention_runs (
  one boolean primary key default true check (one),
  runner text,
  -- A runner that says nothing until then is gone.
  until timestamptz,
  next_at timestamptz not null default '-infinity'
);
insert into retention_runs default values;
