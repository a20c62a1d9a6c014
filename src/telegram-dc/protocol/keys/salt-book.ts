import { randomBytes } from "node:crypto";
import type { ProtocolClock } from "../clock.ts";

/** A server salt and its period of validity, in seconds since the epoch. */
interface ServerSalt {
  readonly salt: bigint;
  readonly validSince: number;
  readonly validUntil: number;
}

/** The server salts of one auth key (core.telegram.org/mtproto/description#server-salt). */
export interface SaltBook {
  current(): bigint;
  accepts(salt: bigint): boolean;
  /** The current salt and those that follow it, 1 to 64. */
  future(count: number): ServerSalt[];
  /** Ends every known salt; bad_server_salt tells the client the new one. */
  rotate(): bigint;
}

/** A salt takes over every half hour and stays valid for another half hour, so two always hold. */
const periodSeconds = 1_800;
const validSeconds = 2 * periodSeconds;
const futureMax = 64;

/** A salt book that begins with the salt derived in the key exchange. */
export function createSaltBook(clock: ProtocolClock, firstSalt: bigint): SaltBook {
  let salts: ServerSalt[] = [];
  begin(firstSalt);

  function nowSeconds(): number {
    return Math.floor(clock.nowMs() / 1000);
  }

  function begin(salt: bigint): void {
    const validSince = nowSeconds();
    salts = [{ salt, validSince, validUntil: validSince + validSeconds }];
  }

  function forgetPast(): void {
    const now = nowSeconds();
    salts = salts.filter((salt) => salt.validUntil > now);
    if (salts.length === 0) begin(newSalt());
  }

  function last(): ServerSalt {
    const salt = salts.at(-1);
    if (salt === undefined) throw new Error("A salt book is never empty.");
    return salt;
  }

  function extendTo(count: number, from: number): void {
    while (salts.filter((salt) => salt.validSince >= from).length < count) {
      const validSince = last().validSince + periodSeconds;
      salts.push({ salt: newSalt(), validSince, validUntil: validSince + validSeconds });
    }
  }

  function currentSalt(): ServerSalt {
    forgetPast();
    const now = nowSeconds();
    extendTo(1, now);
    return salts.findLast((salt) => salt.validSince <= now) ?? last();
  }

  return {
    current: () => currentSalt().salt,
    accepts(salt) {
      const newest = salts[0];
      const now = nowSeconds();
      if (newest?.salt === salt && newest.validUntil > now) return true;
      currentSalt();
      return salts.some((known) => known.salt === salt && known.validSince <= now);
    },
    future(count) {
      const current = currentSalt();
      const wanted = Math.min(Math.max(count, 1), futureMax);
      extendTo(wanted, current.validSince);
      return salts.filter((salt) => salt.validSince >= current.validSince).slice(0, wanted);
    },
    rotate() {
      begin(newSalt());
      return last().salt;
    },
  };
}

function newSalt(): bigint {
  return randomBytes(8).readBigInt64LE(0);
}
