/**
 * Faults that should never happen to a conversation; also the stable codes that are counted and
 * logged (O1).
 */
export const healthSigns = [
  /** A session was opened although the user's last one was neither over nor given to a person. */
  "CONTEXT_LOST",
  /** A session that has had turns came without its messages. */
  "HISTORY_EMPTY",
  /** More than one session was opened for a user within 10 s. */
  "RAPID_CREATES",
  /** More than ten were opened for a user within a minute. */
  "RAPID_CREATES_CRITICAL",
] as const;

/**
 * Notes that raise an alarm at once: the unique index refused a second open session; a session was over at its
 * commit; two programs answer each other; NATS has lost messages that it had acknowledged; an account may send nothing
 * just now.
 */
export const sessionIndexViolated = "SESSION_INDEX_VIOLATED";
export const carriedIdGone = "SESSION_CARRIED_ID_GONE";
export const talkBraked = "TALK_BRAKED";
export const repliesHeld = "REPLIES_HELD";
export const inboundLost = "INBOUND_LOST";
export const alarmingNotes: readonly string[] = [
  sessionIndexViolated,
  carriedIdGone,
  talkBraked,
  repliesHeld,
  inboundLost,
];

export type HealthSign = (typeof healthSigns)[number];
