alter table tokens drop column server_salt;
