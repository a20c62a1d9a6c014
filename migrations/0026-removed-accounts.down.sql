drop table removed_accounts;
