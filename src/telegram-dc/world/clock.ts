import { randomBytes } from "node:crypto";

/** The world's time; a test passes a clock that it moves by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Runs `action` once after `delayMs`; the returned function cancels it. */
  schedule(delayMs: number, action: () => void): () => void;
}

/** The source of codes, hashes and tokens. */
export interface RandomSource {
  bytes(length: number): Buffer;
}

/** The machine's own clock. Its timers do not keep a process alive. */
export function createSystemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    schedule(delayMs, action) {
      const timer = setTimeout(action, delayMs);
      timer.unref();
      return () => {
        clearTimeout(timer);
      };
    },
  };
}

/** The operating system's randomness. */
export function createSystemRandom(): RandomSource {
  return { bytes: (length) => randomBytes(length) };
}

/** Seconds since the epoch, the unit of every date in Telegram's API. */
export function dateSeconds(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000);
}

/** A positive 63-bit number, as Telegram uses for hashes and ids of queries. */
export function randomLong(random: RandomSource): bigint {
  return random.bytes(8).readBigUInt64LE(0) >> 1n;
}
