-- Many hosts: how often each incarnation was heard of, and whom to look for.

alter table incarnations add column beats bigint not null default 0;
create index tokens_by_incarnation on tokens (incarnation) where incarnation is not null;
create index incarnations_by_state on incarnations (state) where state = 'LIVE';
