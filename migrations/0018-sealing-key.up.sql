-- The one key that requests to this fleet are sealed to: the public half, and the seed encrypted under the master key.
create table sealing_keys (
  id int primary key default 1 check (id = 1),
  public_key text not null,
  seed bytea not null
);
