alter table custody_heads drop column signature, drop column signed_by;
alter table incarnations drop column answer_ms, drop column hold_ms;
