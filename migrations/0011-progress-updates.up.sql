-- What a person is reporting just now, such as the progress of one task: one for each chat user; another one begins at zero.
create table progress_updates (
  channel text not null,
  account text not null,
  chat_user text not null,
  -- What it is about, as the bot knows it.
  subject json not null,
  images int not null,
  comments int not null,
  status text,
  changed_at timestamptz not null default now(),
  primary key (channel, account, chat_user)
);
