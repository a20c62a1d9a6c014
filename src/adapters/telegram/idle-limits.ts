/** How a connection with nothing to do is kept, and how soon a dead one is found. Milliseconds. */
export interface IdleLimits {
  /** From one ping to the next. */
  readonly pingMs: number;
  /** An answer that takes longer means that the connection is dead. */
  readonly pongMs: number;
  /** Telegram is asked to hang up when no ping came for this long. It is longer than the other two together. */
  readonly hangUpMs: number;
}

/**
 * A half-open connection is found within 80 s: a ping is due after 60 s and up to 5 s more, so that not all accounts
 * ping at once, and its answer after 15 s. TDLib asks for 135 s before Telegram hangs up
 * (https://github.com/tdlib/td/blob/master/td/mtproto/SessionConnection.h).
 */
export const defaultIdleLimits: IdleLimits = { pingMs: 60_000, pongMs: 15_000, hangUpMs: 135_000 };

/** Pings of many accounts spread over this part of the time between two. */
const spread = 1 / 12;

/** The time to the next ping of one connection. Milliseconds. */
export const spreadPing = ({ pingMs }: IdleLimits): number => pingMs * (1 + Math.random() * spread);
