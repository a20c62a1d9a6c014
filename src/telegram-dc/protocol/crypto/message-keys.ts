import { sha1, sha256 } from "./hash.ts";
import type { IgeKey } from "./ige.ts";

/** The writer of a message; the two directions use different parts of the auth key. */
export type Direction = "from-client" | "from-server";

/**
 * AES key and vector of an MTProto 2.0 message
 * (core.telegram.org/mtproto/description#defining-aes-key-and-initialization-vector).
 */
export function deriveMessageKey(
  authKey: Buffer,
  messageKey: Uint8Array,
  direction: Direction,
): IgeKey {
  const x = direction === "from-client" ? 0 : 8;
  const a = sha256(messageKey, authKey.subarray(x, x + 36));
  const b = sha256(authKey.subarray(x + 40, x + 76), messageKey);
  return {
    key: Buffer.concat([a.subarray(0, 8), b.subarray(8, 24), a.subarray(24, 32)]),
    iv: Buffer.concat([b.subarray(0, 8), a.subarray(8, 24), b.subarray(24, 32)]),
  };
}

/** The 128-bit message key of an MTProto 2.0 plaintext, padding included. */
export function computeMessageKey(
  authKey: Buffer,
  plaintext: Uint8Array,
  direction: Direction,
): Buffer {
  const x = direction === "from-client" ? 88 : 96;
  return sha256(authKey.subarray(x, x + 32), plaintext).subarray(8, 24);
}

/**
 * AES key and vector of MTProto 1.0, which the binding of temporary keys still uses
 * (core.telegram.org/mtproto/description_v1).
 */
export function deriveMessageKeyV1(authKey: Buffer, messageKey: Uint8Array): IgeKey {
  const a = sha1(messageKey, authKey.subarray(0, 32));
  const b = sha1(authKey.subarray(32, 48), messageKey, authKey.subarray(48, 64));
  const c = sha1(authKey.subarray(64, 96), messageKey);
  const d = sha1(messageKey, authKey.subarray(96, 128));
  return {
    key: Buffer.concat([a.subarray(0, 8), b.subarray(8, 20), c.subarray(4, 16)]),
    iv: Buffer.concat([a.subarray(8, 20), b.subarray(0, 8), c.subarray(16, 20), d.subarray(0, 8)]),
  };
}
