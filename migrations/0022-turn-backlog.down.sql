drop table turn_backlog;
