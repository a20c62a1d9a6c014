-- The last epoch under which each authorisation came to be connected, as this database knows it. A floor above it was
-- raised by somebody whom the database has forgotten, or who died before the connection was written down.
alter table tokens add column connected_epoch bigint not null default 0;
