-- no transaction
-- The authority on duplicates, kept apart from what was said: a mark of each inbound message that took effect. A mark
-- outlives its turn, so that a message whose turn was dropped takes no effect a second time.
create table if not exists taken_messages (
  mark uuid primary key,
  taken_on date not null default current_date,
  -- Of the channel and the account, so that an account's marks go with it.
  account_mark int not null
);
create index if not exists taken_messages_by_day on taken_messages using brin (taken_on) with (pages_per_range = 32);
create or replace function taken_mark(channel text, account text, inbound_id text) returns uuid
  language sql stable parallel safe as $$
  select encode(substring(sha256(convert_to(channel || E'\n' || account || E'\n' || inbound_id, 'UTF8')) from 1 for 16), 'hex')::uuid
$$;
create or replace function taken_account_mark(channel text, account text) returns int
  language sql immutable parallel safe as $$
  select hashtext(channel || E'\n' || account)
$$;
-- As the owner: the rights of hosts to a new table come after the migration.
do $$
begin
  execute format($text$
    create or replace function note_taken_messages() returns trigger language plpgsql security definer
      set search_path = %I, pg_temp as $body$
    begin
      insert into taken_messages (mark, taken_on, account_mark)
      select taken_mark(channel, account, inbound_id), (created_at at time zone 'UTC')::date, taken_account_mark(channel, account)
      from taken;
      return null;
    end $body$
  $text$, current_schema());
end $$
--
do $$
begin
  if not exists (select from pg_trigger where tgrelid = 'turns'::regclass and tgname = 'note_taken_messages') then
    create trigger note_taken_messages after insert on turns
      referencing new table as taken for each statement execute function note_taken_messages();
  end if;
end $$
--
-- What was taken before, piece by piece. The trigger has seen to what comes meanwhile.
do $$
declare
  last_session bigint;
  last_seq int := 0;
  rows int;
begin
  select min(session_id) - 1 into last_session from turns;
  if last_session is null then return; end if;
  loop
    with piece as materialized (
      select session_id, seq, channel, account, inbound_id, created_at from turns
      where (session_id, seq) > (last_session, last_seq) order by session_id, seq limit 10000
    ), noted as (
      insert into taken_messages (mark, taken_on, account_mark)
      select taken_mark(channel, account, inbound_id), (created_at at time zone 'UTC')::date, taken_account_mark(channel, account)
      from piece on conflict do nothing
    ), ends as (
      select session_id, seq from piece order by session_id desc, seq desc limit 1
    )
    select (select count(*) from piece), session_id, seq into rows, last_session, last_seq from ends;
    exit when rows is null or rows = 0;
    commit;
  end loop;
end $$
--
create unique index concurrently if not exists turns_before_by_session on turns (session_id, seq, created_at)
--
-- What stands in the table now becomes the first of the monthly parts: it ends a month from now at the earliest.
do $$
begin
  if not exists (select from pg_constraint where conrelid = 'turns'::regclass and conname = 'turns_until') then
    execute format('alter table turns add constraint turns_until check (created_at < %L) not valid',
      date_trunc('month', (greatest(now(), (select max(created_at) from turns)) + interval '2 months') at time zone 'UTC') at time zone 'UTC');
  end if;
end $$
--
alter table turns validate constraint turns_until
