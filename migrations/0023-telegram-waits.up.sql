-- Telegram's orders to leave a method alone: every host that connects the account keeps to them.
create table telegram_waits (
  account text not null references accounts (name) on delete cascade,
  -- As Telegram's schema calls it, such as updates.getDifference.
  method text not null,
  -- The one chat whose sends wait; empty: every call of the method.
  chat text not null default '',
  -- Telegram's own name for it, such as FLOOD_WAIT.
  code text not null,
  until timestamptz not null,
  primary key (account, method, chat)
);
