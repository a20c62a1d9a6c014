-- Copies every turn back into one table.
drop view messages, turn_months;
drop function make_turn_months(int), drop_turn_month(text, timestamptz);
drop trigger note_taken_messages on turns;
alter table turns rename to turns_by_month;
alter index turns_with_outputs rename to turns_by_month_with_outputs;
create table turns (like turns_by_month including defaults);
insert into turns select * from turns_by_month;
drop table turns_by_month;
alter table turns add constraint turns_pkey primary key (session_id, seq);
create unique index turns_inbound on turns (channel, account, inbound_id);
create index turns_with_outputs on turns (session_id, seq) where tool_outputs is not null;
create unique index turns_before_by_session on turns (session_id, seq, created_at);
do $$
begin
  execute format('alter table turns add constraint turns_until check (created_at < %L)',
    date_trunc('month', (greatest(now(), (select max(created_at) from turns)) + interval '2 months') at time zone 'UTC') at time zone 'UTC');
end $$;
create trigger note_taken_messages after insert on turns
  referencing new table as taken for each statement execute function note_taken_messages();
create view messages as
select session_id, seq, 'user' as role, asked as body, null::json as menu, created_at from turns
union all
select t.session_id, t.seq + r.number::int, 'bot', r.reply ->> 'body', nullif((r.reply -> 'menu')::text, 'null')::json, t.created_at
from turns t, json_array_elements(t.replies) with ordinality as r (reply, number);
