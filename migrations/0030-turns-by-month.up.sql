-- Turns stand in a part for each month, so that those of a month go at once. The table of before becomes the first part,
-- as it is: none of its rows is read or written here.
drop view messages;
drop trigger note_taken_messages on turns;
drop index turns_inbound;
alter table turns drop constraint turns_pkey;
alter table turns rename to turns_before;
alter index turns_with_outputs rename to turns_before_with_outputs;

create table turns_by_month (
  session_id bigint not null,
  -- Of the user's message; the replies are numbered after it.
  seq int not null,
  channel text not null,
  account text not null,
  inbound_id text not null,
  asked text not null,
  -- [{"body", "menu"}] in order; null when there were none.
  replies json,
  -- [{"seq", "name", "output"}], numbered apart from the messages; null when nothing was recorded.
  tool_outputs json,
  created_at timestamptz not null default now(),
  media json
) partition by range (created_at);
create unique index turns_by_session on turns_by_month (session_id, seq, created_at);
create index turns_with_outputs on turns_by_month (session_id, seq) where tool_outputs is not null;
do $$
declare
  ends timestamptz := (
    select substring(pg_get_constraintdef(oid) from '''([^'']+)''')::timestamptz from pg_constraint
    where conrelid = 'turns_before'::regclass and conname = 'turns_until');
begin
  execute format('alter table turns_by_month attach partition turns_before for values from (minvalue) to (%L)', ends);
end $$;
alter table turns_before drop constraint turns_until;
-- For what comes while a month has no part of its own: no turn ever waits for one.
create table turns_default partition of turns_by_month default;
alter table turns_by_month rename to turns;
create trigger note_taken_messages after insert on turns
  referencing new table as taken for each statement execute function note_taken_messages();

create view messages as
select session_id, seq, 'user' as role, asked as body, null::json as menu, created_at from turns
union all
select t.session_id, t.seq + r.number::int, 'bot', r.reply ->> 'body', nullif((r.reply -> 'menu')::text, 'null')::json, t.created_at
from turns t, json_array_elements(t.replies) with ordinality as r (reply, number);

-- Hosts may not change the schema. These two do it for them, in one form each, and wait for no lock for long.
create view turn_months as
select name, starts, ends, bytes from (
  select c.relname::text as name, pg_total_relation_size(c.oid) as bytes,
    case when position('MINVALUE' in bound) > 0 then '-infinity'::timestamptz
      else substring(bound from 'FROM \(''([^'']+)''\)')::timestamptz end as starts,
    substring(bound from 'TO \(''([^'']+)''\)')::timestamptz as ends
  from pg_inherits i join pg_class c on c.oid = i.inhrelid, pg_get_expr(c.relpartbound, c.oid) as bound
  where i.inhparent = 'turns'::regclass and bound <> 'DEFAULT') part;

do $$
begin
  execute format($text$
    create function make_turn_months(months int) returns int language plpgsql security definer
      set search_path = %1$I, pg_temp set lock_timeout = '1s' as $body$
    declare
      starts_at timestamptz;
      ends_at timestamptz;
      part text;
      made int := 0;
    begin
      perform pg_advisory_xact_lock(4653202613);
      for ahead in 0 .. least(months, 12) loop
        starts_at := (date_trunc('month', now() at time zone 'UTC') + ahead * interval '1 month') at time zone 'UTC';
        ends_at := (date_trunc('month', now() at time zone 'UTC') + (ahead + 1) * interval '1 month') at time zone 'UTC';
        part := 'turns_' || to_char(starts_at at time zone 'UTC', 'YYYY_MM');
        -- A month that has begun in the default part stays there.
        continue when exists (select from turn_months m where m.starts < ends_at and m.ends > starts_at)
          or exists (select from turns_default d where d.created_at >= starts_at and d.created_at < ends_at);
        execute format('create table %%I (like turns including defaults)', part);
        execute format('alter table turns attach partition %%I for values from (%%L) to (%%L)', part, starts_at, ends_at);
        -- As the table itself is granted: a dump reads the parts by their names.
        if exists (select from pg_roles where rolname = 'holdfast_reader') then
          execute format('grant select on table %%I to holdfast_reader', part);
        end if;
        if exists (select from pg_roles where rolname = 'holdfast_runtime') then
          execute format('grant select, insert, update, delete on table %%I to holdfast_runtime', part);
        end if;
        made := made + 1;
      end loop;
      return made;
    end $body$;

    create function drop_turn_month(part text, before timestamptz) returns bigint language plpgsql security definer
      set search_path = %1$I, pg_temp set lock_timeout = '1s' as $body$
    declare
      gone bigint;
    begin
      perform pg_advisory_xact_lock(4653202613);
      select m.bytes into gone from turn_months m where m.name = part and m.ends <= least(before, now() - interval '1 day');
      if not found then return null; end if;
      execute format('drop table %%I', part);
      return gone;
    end $body$;
  $text$, current_schema());
end $$;
revoke execute on function make_turn_months(int), drop_turn_month(text, timestamptz) from public;
