import { type Cipher, type Decipher, createCipheriv, createDecipheriv } from "node:crypto";
import { FramingError, type FramingName } from "./framing.ts";

/** The transport that the first bytes of a connection announce. */
export interface DetectedTransport {
  readonly framing: FramingName;
  /** Length of the header in bytes; the header belongs to no frame. */
  readonly headerBytes: number;
  /** The ciphers of the obfuscated form; undefined for the plain one. */
  readonly obfuscation: Obfuscation | undefined;
}

/** AES-256-CTR in both directions. The decipher has already run over the header. */
interface Obfuscation {
  readonly decipher: Decipher;
  readonly cipher: Cipher;
}

const abridgedByte = 0xef;
const tags: ReadonlyMap<number, FramingName> = new Map<number, FramingName>([
  [0xefefefef, "abridged"],
  [0xeeeeeeee, "intermediate"],
  [0xdddddddd, "padded"],
]);
const obfuscatedHeaderBytes = 64;

/**
 * Recognises abridged, intermediate, padded intermediate and full, each plain or obfuscated
 * (core.telegram.org/mtproto/mtproto-transports).
 * @returns undefined while too few bytes have come.
 * @throws {FramingError} TRANSPORT_UNKNOWN
 */
export function detectTransport(stream: Buffer): DetectedTransport | undefined {
  if (stream[0] === abridgedByte) {
    return { framing: "abridged", headerBytes: 1, obfuscation: undefined };
  }
  if (stream.length < 8) return undefined;
  const tagged = tags.get(stream.readUInt32LE(0));
  if (tagged !== undefined) return { framing: tagged, headerBytes: 4, obfuscation: undefined };
  // Full has no tag: its second word is the first frame's sequence number, which obfuscated headers
  // avoid.
  if (stream.readUInt32LE(4) === 0) {
    return { framing: "full", headerBytes: 0, obfuscation: undefined };
  }
  if (stream.length < obfuscatedHeaderBytes) return undefined;
  return detectObfuscated(stream.subarray(0, obfuscatedHeaderBytes));
}

function detectObfuscated(header: Buffer): DetectedTransport {
  const reversed = Buffer.from(header.subarray(8, 56).toReversed());
  const decipher = createDecipheriv("aes-256-ctr", header.subarray(8, 40), header.subarray(40, 56));
  const cipher = createCipheriv("aes-256-ctr", reversed.subarray(0, 32), reversed.subarray(32, 48));
  const framing = tags.get(decipher.update(header).readUInt32LE(56));
  if (framing === undefined) {
    throw new FramingError(
      "TRANSPORT_UNKNOWN",
      "The first 64 bytes are no transport header of MTProto. Use abridged, intermediate, padded intermediate or full, plain or obfuscated.",
    );
  }
  return { framing, headerBytes: obfuscatedHeaderBytes, obfuscation: { decipher, cipher } };
}
