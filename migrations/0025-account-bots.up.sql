-- The bot that answers for the account: a file, `none`, or `host` for the host's own. Null: nothing was said; then a
-- bot's account has the host's bot, and a person's account has none.
alter table accounts add column bot text check (bot <> '');

-- A person's account for which a bot has answered goes on as it was.
update accounts set bot = 'host' where kind = 'user' and exists (
  select from turns t where t.channel = 'telegram' and t.account = accounts.name and t.replies is not null);
