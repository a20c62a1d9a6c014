drop index renewals_by_account;
drop table renewal_steps;
alter table authorisations drop column origin;
alter table accounts drop column wanted, drop column device, drop column password, drop column proxy,
  drop column cooling_until;
