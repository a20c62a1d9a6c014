drop table custody_ledger;
drop function custody_ledger_is_append_only();
