-- The Telegram user that an account is; null until a login, or the next connect of a key from before, has shown it.
alter table accounts add column telegram_user_id bigint check (telegram_user_id > 0);
