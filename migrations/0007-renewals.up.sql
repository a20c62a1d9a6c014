-- What a renewal has come to, step by step; what a person wants of an account; what is kept for its logins.

alter table accounts
  -- serve: connected; pause: connected and silent; stop: nowhere, until it is resumed.
  add column wanted text not null default 'serve' check (wanted in ('serve', 'pause', 'stop')),
  -- As Telegram shows it in the list of devices: the same for every key of the account.
  add column device jsonb not null
    default '{"deviceModel": "Holdfast", "systemVersion": "1.0", "appVersion": "holdfast", "langCode": "en"}',
  -- Encrypted: the 2FA password, if its owner chose to have it kept, and the address of a proxy.
  add column password bytea,
  add column proxy bytea,
  -- Telegram asked for silence until then.
  add column cooling_until timestamptz;

-- imported: another program used the key before; kept: and it stays, as its owner chose.
alter table authorisations add column origin text not null default 'made'
  check (origin in ('made', 'imported', 'kept'));

create table renewal_steps (
  id bigint generated always as identity primary key,
  renewal text not null references renewals (id),
  step text not null check (step in ('requested', 'key-stored', 'authorised', 'drained', 'verified-idle',
    'switched', 'verified', 'retired', 'aborted')),
  at timestamptz not null default clock_timestamp()
);
create index renewal_steps_by_renewal on renewal_steps (renewal, id);
create index renewals_by_account on renewals (account, requested_at desc);
