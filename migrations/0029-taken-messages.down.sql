alter table turns drop constraint if exists turns_until;
drop index if exists turns_before_by_session;
drop trigger if exists note_taken_messages on turns;
drop function if exists note_taken_messages();
drop table if exists taken_messages;
drop function if exists taken_mark(text, text, text), taken_account_mark(text, text);
