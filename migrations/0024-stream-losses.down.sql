alter table update_gaps drop column missing;
drop table gap_readings, cursor_marks;
alter table update_cursors drop column positions, drop column losses;
drop table inbound_losses, inbound_streams;
