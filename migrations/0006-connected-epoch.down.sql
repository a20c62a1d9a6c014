alter table tokens drop column connected_epoch;
