drop table custody_heads;
drop table custody_ledger;
drop function custody_ledger_is_append_only();
