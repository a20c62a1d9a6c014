alter table accounts drop column driver;
