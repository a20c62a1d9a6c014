-- The first id under which a signed text was taken: cut into other fields it stays one message.
create table webhook_requests (
  digest bytea primary key,
  inbound_id text not null,
  created_at timestamptz not null default now()
);
