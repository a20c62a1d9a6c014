drop trigger note_taken_message on turns;
drop function note_taken_message();
do $$
begin
  execute format($text$
    create function note_taken_messages() returns trigger language plpgsql security definer
      set search_path = %I, pg_temp as $body$
    begin
      insert into taken_messages (mark, taken_on, account_mark)
      select taken_mark(channel, account, inbound_id), (created_at at time zone 'UTC')::date, taken_account_mark(channel, account)
      from taken;
      return null;
    end $body$
  $text$, current_schema());
end $$;
create trigger note_taken_messages after insert on turns
  referencing new table as taken for each statement execute function note_taken_messages();
alter table turns drop column marked;
