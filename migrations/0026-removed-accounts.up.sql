-- Names of accounts that were removed, with the highest slot that each had: an account that gets such a name again begins above it, so
-- that no epoch of a token is minted a second time.
create table removed_accounts (
  name text primary key,
  slots int not null,
  removed_at timestamptz not null default now()
);
