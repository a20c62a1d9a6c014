drop table outbox, inbound_turns, tool_outputs, messages, conversation_sessions, update_gaps,
  update_cursors, partitions;
