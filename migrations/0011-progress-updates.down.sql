drop table progress_updates;
