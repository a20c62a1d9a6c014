-- no transaction
-- A reply's retry state stands in its row: the number of attempts, when its chat may be tried again, and when it was given up.
alter table outbox
  add column if not exists attempts int not null default 0,
  add column if not exists next_at timestamptz,
  -- A person had it sent again: its age counts from then.
  add column if not exists resent_at timestamptz,
  -- Refused or too old. Null again once a person has dropped it from the list.
  add column if not exists given_up_at timestamptz,
  -- The bot has heard of it.
  add column if not exists told_at timestamptz
--
-- A claim goes from chat to chat, and takes the oldest replies of each.
create index concurrently if not exists outbox_waiting on outbox (account, chat_user, id)
  where state in ('pending', 'sending') and partition is null
--
create index concurrently if not exists outbox_waiting_of_partition on outbox (partition, chat_user, id)
  where state in ('pending', 'sending') and partition is not null
--
create index concurrently if not exists outbox_given_up on outbox (id) where given_up_at is not null
--
create index concurrently if not exists outbox_untold on outbox (given_up_at)
  where given_up_at is not null and told_at is null
--
drop index concurrently if exists outbox_unsent
--
drop index concurrently if exists outbox_of_partition
