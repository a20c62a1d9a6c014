-- no transaction
create index concurrently if not exists outbox_of_partition on outbox (partition, id)
  where state in ('pending', 'sending') and partition is not null;
