drop table telegram_waits;
