import { hash, randomFillSync } from "node:crypto";
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

/** The contents of one frame. */
export interface MessageToSeal {
  readonly sessionId: bigint;
  readonly messageId: bigint;
  readonly sequence: number;
  readonly body: Buffer;
}

const frameHeadBytes = 24;
const messageHeadBytes = 32;
const paddingBytesMin = 12;
const paddingBytesMax = 1024;
const blockBytes = 16;
const keyPartBytes = 32;
const serverKeyPartOffset = 96;

/**
 * Decrypts and checks a frame of a known key: message key, length, padding
 * (core.telegram.org/mtproto/security_guidelines).
 * @returns undefined for a frame that fails a check.
 */
export function openFrame(key: AuthKey, frame: Buffer): OpenedMessage | undefined {
  // A padded transport may leave up to twelve bytes after the last block.
  const cipherBytes = (frame.length - frameHeadBytes) & ~(blockBytes - 1);
  if (cipherBytes < messageHeadBytes + blockBytes) return undefined;
  const messageKey = frame.subarray(8, frameHeadBytes);
  const sealed = frame.subarray(frameHeadBytes, frameHeadBytes + cipherBytes);
  const plain = igeDecrypt(deriveMessageKey(key.bytes, messageKey, "from-client"), sealed);
  if (!computeMessageKey(key.bytes, plain, "from-client").equals(messageKey)) return undefined;
  const bodyBytes = plain.readUInt32LE(28);
  const paddingBytes = plain.length - messageHeadBytes - bodyBytes;
  if (bodyBytes % 4 !== 0) return undefined;
  if (paddingBytes < paddingBytesMin || paddingBytes > paddingBytesMax) return undefined;
  return {
    salt: plain.readBigInt64LE(0),
    sessionId: plain.readBigInt64LE(8),
    messageId: plain.readBigInt64LE(16),
    sequence: plain.readInt32LE(24),
    body: plain.subarray(messageHeadBytes, messageHeadBytes + bodyBytes),
  };
}

/** Encrypts one message into a frame. */
export function sealFrame(key: AuthKey, message: MessageToSeal): Buffer {
  const bareBytes = messageHeadBytes + message.body.length + paddingBytesMin;
  const plainBytes = Math.ceil(bareBytes / blockBytes) * blockBytes;
  // The key's part stands before the plaintext, so one hash over one buffer gives the message key.
  const hashed = Buffer.allocUnsafe(keyPartBytes + plainBytes);
  key.bytes.copy(hashed, 0, serverKeyPartOffset, serverKeyPartOffset + keyPartBytes);
  const plain = hashed.subarray(keyPartBytes);
  plain.writeBigInt64LE(key.salts.current(), 0);
  plain.writeBigInt64LE(message.sessionId, 8);
  plain.writeBigInt64LE(message.messageId, 16);
  plain.writeInt32LE(message.sequence, 24);
  plain.writeInt32LE(message.body.length, 28);
  message.body.copy(plain, messageHeadBytes);
  randomFillSync(plain, messageHeadBytes + message.body.length);
  const messageKey = hash("sha256", hashed, "buffer").subarray(8, 24);
  const frame = Buffer.allocUnsafe(frameHeadBytes + plainBytes);
  frame.writeBigInt64LE(key.id, 0);
  messageKey.copy(frame, 8);
  igeEncrypt(deriveMessageKey(key.bytes, messageKey, "from-server"), plain).copy(
    frame,
    frameHeadBytes,
  );
  return frame;
}
