drop trigger conversation_sessions_escalation on conversation_sessions;
drop function note_escalation();
drop table escalations;
alter table conversation_sessions drop column returned_turns;
