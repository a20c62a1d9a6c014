drop table parked_turns;
