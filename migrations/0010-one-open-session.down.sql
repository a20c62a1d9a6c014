-- The index is that of 0002; what was ended stays ended.
select 1;
