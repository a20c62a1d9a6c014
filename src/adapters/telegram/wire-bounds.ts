import { checkPrimeSync } from "node:crypto";
import { gunzipSync, unzipSync } from "node:zlib";

/** Longer than any frame of Telegram, shorter than the length that a broken stream may claim. */
const frameBytesMax = 16 * 1024 * 1024;
/** Objects within objects; a rich page of Telegram nests some 20 deep. */
export const depthMax = 128;
/** The longest answer of a key exchange has some 650 bytes. */
const plainBytesMax = 4096;

/** Key id, message id, length (https://core.telegram.org/mtproto/description#unencrypted-message). */
const plainHeadBytes = 20;
const resPqId = 0x05162463;
/** After the constructor: the nonces of both sides, then `pq` as a string. */
const pqOffset = plainHeadBytes + 4 + 16 + 16;
const pqBytesMax = 8;

/** Bytes on the wire that no Telegram sends: the wire is to be ended. */
export class WireBoundError extends Error {
  override readonly name = "WireBoundError";
}

/** Refuses a frame by the length that it announces, before memory is taken for it. */
export function refuseLongFrame(bytes: number): void {
  if (bytes > frameBytesMax)
    throw new WireBoundError(`a frame of ${bytes} bytes was announced; ${frameBytesMax} may come`);
}

/**
 * Refuses a frame that nobody signed and that is more work than a key exchange ever is: one that is too long, and a
 * `resPQ` whose `pq` has more than 8 bytes or is no product of two numbers above 1
 * (https://core.telegram.org/mtproto/auth_key#dh-exchange-initiation). A frame under a key passes.
 */
export function refuseBadPlainFrame(frame: Uint8Array): void {
  if (!isPlain(frame)) return;
  if (frame.length > plainBytesMax)
    throw new WireBoundError(
      `an unsigned frame of ${frame.length} bytes came; ${plainBytesMax} may`,
    );
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length <= pqOffset || view.getUint32(plainHeadBytes, true) !== resPqId) return;
  const pqBytes = frame[pqOffset]!;
  if (pqBytes > pqBytesMax)
    throw new WireBoundError(`pq came with ${pqBytes} bytes or more; ${pqBytesMax} may`);
  const digits = frame.subarray(pqOffset + 1, pqOffset + 1 + pqBytes);
  const pq = digits.reduce((value, digit) => value * 256n + BigInt(digit), 0n);
  // The searches of both libraries never end for a prime number, nor for 1.
  if (pq < 4n || checkPrimeSync(pq)) throw new WireBoundError("pq is no product of two primes");
}

const isPlain = (frame: Uint8Array): boolean =>
  frame.length >= plainHeadBytes && frame.subarray(0, 8).every((byte) => byte === 0);

/** Unpacks gzip; throws when it is damaged, or becomes longer than a frame may be. */
export function unpackGzip(packed: Uint8Array): Buffer {
  return gunzipSync(packed, { maxOutputLength: frameBytesMax });
}

/** Unpacks gzip and zlib, as GramJS does; throws as `unpackGzip` does. */
export function unpackEither(packed: Uint8Array): Buffer {
  return unzipSync(packed, { maxOutputLength: frameBytesMax });
}
