drop index incarnations_by_state;
drop index tokens_by_incarnation;
alter table incarnations drop column beats;
