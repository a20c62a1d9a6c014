-- Who writes a turn may write its mark in the same statement, and says so in the row. For any other writer, as for an
-- earlier program of the fleet, the trigger does. It was called for every turn before, and kept a copy of each.
alter table turns add column marked boolean;
do $$
begin
  execute format($text$
    create function note_taken_message() returns trigger language plpgsql security definer
      set search_path = %I, pg_temp as $body$
    begin
      insert into taken_messages (mark, taken_on, account_mark)
      values (taken_mark(new.channel, new.account, new.inbound_id), (new.created_at at time zone 'UTC')::date,
        taken_account_mark(new.channel, new.account));
      return null;
    end $body$
  $text$, current_schema());
end $$;
drop trigger note_taken_messages on turns;
drop function note_taken_messages();
create trigger note_taken_message after insert on turns
  for each row when (new.marked is not true) execute function note_taken_message();
