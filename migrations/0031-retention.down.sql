drop table retention_runs;
