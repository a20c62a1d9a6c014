-- What each incarnation promises to its successors, and whose gate signed the head of a journal.
-- An incarnation's id is its public key; ids of earlier versions are no keys, and their rows stay as they are.

alter table incarnations
  -- So long after its last renewal it may act, and so long after that Telegram may work on its last request; milliseconds.
  add column hold_ms integer,
  add column answer_ms integer;

alter table custody_heads
  add column signed_by text,
  add column signature text;
