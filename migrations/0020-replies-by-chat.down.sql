create index outbox_unsent on outbox (account, id) where state in ('pending', 'sending');
create index outbox_of_partition on outbox (partition, id)
  where state in ('pending', 'sending') and partition is not null;
drop index outbox_waiting, outbox_waiting_of_partition, outbox_given_up, outbox_untold;
alter table outbox drop column attempts, drop column next_at, drop column resent_at, drop column given_up_at,
  drop column told_at;
