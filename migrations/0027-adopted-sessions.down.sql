drop table adopted_sessions;
