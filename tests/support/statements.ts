/** Whether a statement looks up a session: the one that opens it where there is none. */
export const isLookup = (statement: string): boolean =>
  statement.includes("insert into conversation_sessions");
