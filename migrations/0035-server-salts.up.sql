-- The salt that Telegram's server asked of a slot's key last. Whoever holds the token next is answered at once with it.
alter table tokens add column server_salt bigint;
