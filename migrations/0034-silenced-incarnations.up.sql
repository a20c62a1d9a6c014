-- When it was certain that a revoked incarnation can do nothing any more. A floor may name it after its tokens were
-- freed: who meets that floor then need not wait again.
alter table incarnations add column silenced_at timestamptz;
