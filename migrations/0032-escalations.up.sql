-- no transaction
-- The count of turns when a person gave the session back: until the bot has taken the next one, that turn is told so.
alter table conversation_sessions add column if not exists returned_turns int
--
-- One row for each session that a person has. Whoever changes the session's status writes it: the trigger below does.
create table if not exists escalations (
  session_id bigint primary key references conversation_sessions (id) on delete cascade,
  channel text not null,
  account text not null,
  chat_user text not null,
  since timestamptz not null default now(),
  -- A person has answered since then.
  answered_at timestamptz,
  -- The notice has arrived, or was given up; null: it waits. A person who took the session by a command needs none.
  told_at timestamptz,
  tries int not null default 0,
  -- The notice is not sent before that.
  next_at timestamptz not null default now()
)
--
create index if not exists escalations_untold on escalations (next_at) where told_at is null
--
create index if not exists escalations_since on escalations (since)
--
create or replace function note_escalation() returns trigger language plpgsql as $$
begin
  if new.status <> 'escalated' then
    delete from escalations where session_id = new.id;
  else
    -- A bot's turn counts up, a command does not.
    insert into escalations (session_id, channel, account, chat_user, told_at)
    values (new.id, new.channel, new.account, new.chat_user, case when new.turns = old.turns then now() end)
    on conflict (session_id) do nothing;
  end if;
  return null;
end $$
--
drop trigger if exists conversation_sessions_escalation on conversation_sessions;
create trigger conversation_sessions_escalation after update of status on conversation_sessions
  for each row when (old.status is distinct from new.status and 'escalated' in (old.status, new.status))
  execute function note_escalation()
--
-- Those of before are shown, and are no news. Locked: one that is given back meanwhile must not stand here afterwards.
insert into escalations (session_id, channel, account, chat_user, since, told_at)
select id, channel, account, chat_user, last_turn_at, now() from conversation_sessions where status = 'escalated' for share
on conflict (session_id) do nothing
