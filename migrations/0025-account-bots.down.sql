alter table accounts drop column bot;
