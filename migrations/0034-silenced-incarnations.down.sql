alter table incarnations drop column silenced_at;
