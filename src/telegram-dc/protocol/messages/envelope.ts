import { randomFillSync } from "node:crypto";
import { hash } from "node:crypto";
import { igeDecrypt, igeEncrypt } from "../crypto/ige.ts";
import { computeMessageKey, deriveMessageKey } from "../crypto/message-keys.ts";
import type { AuthKey } from "../keys/auth-key.ts";

/** The decrypted head and body of one frame. */
export interface OpenedMessage {
  readonly salt: bigint;
  readonly sessionId: bigint;
  readonly messageId: bigint;
  readonly sequence: number;
  readonly body: Buffer;
}

/** What goes into one frame. */
export interface MessageToSeal {
  readonly sessionId: bigint;
  readonly messageId: bigint;
  readonly sequence: number;
  readonly body: Buffer;
}

const FRAME_HEAD_BYTES = 24;
const MESSAGE_HEAD_BYTES = 32;
const PADDING_BYTES_MIN = 12;
const PADDING_BYTES_MAX = 1024;
const BLOCK_BYTES = 16;
const KEY_PART_BYTES = 32;
const SERVER_KEY_PART_OFFSET = 96;

/**
 * Decrypts and checks a frame of a known key: message key, length, padding
 * (core.telegram.org/mtproto/security_guidelines).
 * @returns undefined for a frame that fails a check.
 */
export function openFrame(key: AuthKey, frame: Buffer): OpenedMessage | undefined {
  // A padded transport may leave up to twelve bytes that belong to no block.
  const cipherBytes = (frame.length - FRAME_HEAD_BYTES) & ~(BLOCK_BYTES - 1);
  if (cipherBytes < MESSAGE_HEAD_BYTES + BLOCK_BYTES) return undefined;
  const messageKey = frame.subarray(8, FRAME_HEAD_BYTES);
  const sealed = frame.subarray(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + cipherBytes);
  const plain = igeDecrypt(deriveMessageKey(key.bytes, messageKey, "from-client"), sealed);
  if (!computeMessageKey(key.bytes, plain, "from-client").equals(messageKey)) return undefined;
  const bodyBytes = plain.readUInt32LE(28);
  const paddingBytes = plain.length - MESSAGE_HEAD_BYTES - bodyBytes;
  if (bodyBytes % 4 !== 0) return undefined;
  if (paddingBytes < PADDING_BYTES_MIN || paddingBytes > PADDING_BYTES_MAX) return undefined;
  return {
    salt: plain.readBigInt64LE(0),
    sessionId: plain.readBigInt64LE(8),
    messageId: plain.readBigInt64LE(16),
    sequence: plain.readInt32LE(24),
    body: plain.subarray(MESSAGE_HEAD_BYTES, MESSAGE_HEAD_BYTES + bodyBytes),
  };
}

/** Encrypts one message into a frame. */
export function sealFrame(key: AuthKey, message: MessageToSeal): Buffer {
  const bareBytes = MESSAGE_HEAD_BYTES + message.body.length + PADDING_BYTES_MIN;
  const plainBytes = Math.ceil(bareBytes / BLOCK_BYTES) * BLOCK_BYTES;
  // The key's part stands before the plaintext, so that the message key is one hash over one buffer.
  const hashed = Buffer.allocUnsafe(KEY_PART_BYTES + plainBytes);
  key.bytes.copy(hashed, 0, SERVER_KEY_PART_OFFSET, SERVER_KEY_PART_OFFSET + KEY_PART_BYTES);
  const plain = hashed.subarray(KEY_PART_BYTES);
  plain.writeBigInt64LE(key.salts.current(), 0);
  plain.writeBigInt64LE(message.sessionId, 8);
  plain.writeBigInt64LE(message.messageId, 16);
  plain.writeInt32LE(message.sequence, 24);
  plain.writeInt32LE(message.body.length, 28);
  message.body.copy(plain, MESSAGE_HEAD_BYTES);
  randomFillSync(plain, MESSAGE_HEAD_BYTES + message.body.length);
  const messageKey = hash("sha256", hashed, "buffer").subarray(8, 24);
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + plainBytes);
  frame.writeBigInt64LE(key.id, 0);
  messageKey.copy(frame, 8);
  igeEncrypt(deriveMessageKey(key.bytes, messageKey, "from-server"), plain).copy(
    frame,
    FRAME_HEAD_BYTES,
  );
  return frame;
}
