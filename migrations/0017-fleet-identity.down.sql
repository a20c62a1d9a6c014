drop table fleet;
