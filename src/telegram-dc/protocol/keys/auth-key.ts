import type { ClientIdentity } from "../../seam.ts";
import type { ProtocolClock } from "../clock.ts";
import { sha1 } from "../crypto/hash.ts";
import type { Session } from "../sessions/session.ts";
import { type SaltBook, createSaltBook } from "./salt-book.ts";

/** The data centre's record of one auth key. */
export interface AuthKey {
  /** The 64-bit id in front of every encrypted message. */
  readonly id: bigint;
  /** The same id as 16 hex digits, in wire order. */
  readonly hexId: string;
  /** 256 bytes. */
  readonly bytes: Buffer;
  readonly kind: "permanent" | "temporary";
  readonly salts: SaltBook;
  /** When a temporary key ends, in milliseconds since the epoch. */
  readonly expiresAtMs: number | undefined;
  /** The permanent key to which a temporary one was bound. */
  boundTo: AuthKey | undefined;
  /** From the last invokeWithLayer; undefined before the first. */
  layer: number | undefined;
  identity: ClientIdentity | undefined;
  /** By session id. A bound temporary key shares the sessions of its permanent key. */
  sessions: Map<bigint, Session>;
}

/** The material of a key. */
export interface AuthKeySeed {
  readonly bytes: Buffer;
  readonly kind: AuthKey["kind"];
  readonly salt: bigint;
  readonly expiresAtMs?: number | undefined;
}

/** A key without sessions. */
export function createAuthKey(clock: ProtocolClock, seed: AuthKeySeed): AuthKey {
  const idBytes = sha1(seed.bytes).subarray(12);
  return {
    id: idBytes.readBigInt64LE(0),
    hexId: idBytes.toString("hex"),
    bytes: seed.bytes,
    kind: seed.kind,
    salts: createSaltBook(clock, seed.salt),
    expiresAtMs: seed.expiresAtMs,
    boundTo: undefined,
    layer: undefined,
    identity: undefined,
    sessions: new Map(),
  };
}

/** The key that identifies a client: the permanent one behind a bound temporary key. */
export function ownerOf(key: AuthKey): AuthKey | undefined {
  return key.kind === "permanent" ? key : key.boundTo;
}
