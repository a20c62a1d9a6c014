drop trigger note_account_change on accounts;
drop function note_account_change;
drop index accounts_by_change;
alter table accounts drop column changed_in;
