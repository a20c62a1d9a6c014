alter table outbox drop column partition;
alter table turns drop column media;
