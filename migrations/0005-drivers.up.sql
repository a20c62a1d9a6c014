-- Which client library an account connects with. Both use the same sessions.
alter table accounts add column driver text not null default 'mtcute'
  check (driver in ('mtcute', 'telegram'));
