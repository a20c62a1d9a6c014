import type { ClientIdentity } from "../../seam.ts";
import type { ProtocolClock } from "../clock.ts";
import { sha1 } from "../crypto/hash.ts";
import type { Session } from "../sessions/session.ts";
import { type SaltBook, createSaltBook } from "./salt-book.ts";

/** What the data centre keeps of one auth key. */
export interface AuthKey {
  /** The 64-bit id that stands before every encrypted message. */
  readonly id: bigint;
  /** The same id as 16 hex digits, in the order of the bytes on the wire. */
  readonly hexId: string;
  /** 256 bytes. */
  readonly bytes: Buffer;
  readonly kind: "permanent" | "temporary";
  readonly salts: SaltBook;
  /** When a temporary key ends, in milliseconds since the epoch. */
  readonly expiresAtMs: number | undefined;
  /** The permanent key that a temporary one was bound to. */
  boundTo: AuthKey | undefined;
  /** From the last invokeWithLayer; undefined before the first. */
  layer: number | undefined;
  identity: ClientIdentity | undefined;
  /** By session id. A bound temporary key shares the sessions of its permanent key. */
  sessions: Map<bigint, Session>;
}

/** What is needed to make a key. */
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

/** The key that a client is known by: the permanent one behind a bound temporary key. */
export function ownerOf(key: AuthKey): AuthKey | undefined {
  return key.kind === "permanent" ? key : key.boundTo;
}
