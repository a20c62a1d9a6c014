drop index outbox_of_partition;
