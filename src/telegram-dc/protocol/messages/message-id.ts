import type { ProtocolClock } from "../clock.ts";

/** Ids of server messages: unix time × 2^32, odd, growing; 1 modulo 4 for answers and 3 for the rest. */
export interface MessageIdSource {
  next(kind: "answer" | "notice"): bigint;
}

/** One source per data centre, so that ids never repeat within a session. */
export function createMessageIdSource(clock: ProtocolClock): MessageIdSource {
  let lastBase = 0n;
  return {
    next(kind) {
      const nowMs = clock.nowMs();
      const seconds = Math.floor(nowMs / 1000);
      const fraction = Math.floor(((nowMs - seconds * 1000) / 1000) * 2 ** 30) * 4;
      const base = (BigInt(seconds) << 32n) | BigInt(fraction);
      lastBase = base > lastBase ? base : lastBase + 4n;
      return lastBase | (kind === "answer" ? 1n : 3n);
    },
  };
}

/** The time in a client's message id, in seconds since the epoch. */
export function messageIdSeconds(messageId: bigint): number {
  return Number(messageId >> 32n);
}
