-- Which transaction changed an account last: a host reads those that its last look has not seen.

alter table accounts add column changed_in xid8 not null default pg_current_xact_id();
create index accounts_by_change on accounts (changed_in);

create function note_account_change() returns trigger language plpgsql as $$
begin
  new.changed_in := pg_current_xact_id();
  return new;
end $$;
create trigger note_account_change before update on accounts
  for each row execute function note_account_change();
