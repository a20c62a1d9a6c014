/** What a node counts from its start on, for a person's view of the fleet's health. */
export const nodeFigureNames = [
  "sessionsCreated",
  "sessionsReused",
  "contextLost",
  "historyEmpty",
  /** More than one session of a user within 10 s, and more than ten within a minute. */
  "rapidCreates",
  "rapidCreatesPerMinute",
  "indexViolations",
  /** A session was over at the commit of its turn. */
  "sessionsGone",
  "actions",
  "actionsWithoutResult",
  "lookups",
  /** Of the lookups, those that took longer than 10 ms. */
  "lookupsSlow",
  "lookupSeconds",
  /** Times that NATS had lost messages which it had acknowledged. */
  "inboundLost",
  /** Partitions whose turns wait for the database just now. */
  "partitionsHeld",
  "floodWaits",
  "floodSeconds",
  /** Leases and messages in an incarnation's name that it had not signed. */
  "unproven",
] as const;

export type NodeFigure = (typeof nodeFigureNames)[number];

export type NodeFigures = Readonly<Record<NodeFigure, number>>;
