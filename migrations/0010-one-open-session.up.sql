-- no transaction
-- A database whose unique index was lost, or that was filled by a program without one, may hold several open sessions of a user: the
-- one that was talked in last survives, the others end.
update conversation_sessions s set status = 'ended', ended_at = now()
from (
  select id, row_number() over (
    partition by channel, account, chat_user order by last_turn_at desc, id desc) as place
  from conversation_sessions where status in ('active', 'escalated')
) open
where open.id = s.id and open.place > 1;
--
create unique index concurrently if not exists conversation_sessions_one_open
  on conversation_sessions (channel, account, chat_user)
  where status in ('active', 'escalated');
