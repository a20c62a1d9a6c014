-- Files that came with a message: what they are and where they lie, not their bytes; null for none.
alter table turns add column media json;
-- Replies of a channel that no account's token guards are sent by the owner of the chat user's partition; null: by the token's holder.
alter table outbox add column partition int;
