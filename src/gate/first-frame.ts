/**
 * Reads the authorisation key's id from a client's first bytes. `waiting`: there are not enough
 * yet. `unreadable`: anything but the plain transports. A key exchange has id 0.
 * Layouts: https://core.telegram.org/mtproto/mtproto-transports
 */
export type FirstFrame = "waiting" | "unreadable" | { readonly keyId: string };

const abridgedTag = 0xef;
const intermediateTag = 0xeeeeeeee;
const paddedTag = 0xdddddddd;

export function readFirstFrame(bytes: Buffer): FirstFrame {
  if (bytes.length === 0) return "waiting";
  if (bytes[0] === abridgedTag) return abridged(bytes);
  if (bytes.length < 4) return "waiting";
  const tag = bytes.readUInt32LE(0);
  if (tag !== intermediateTag && tag !== paddedTag) return "unreadable";
  return keyIdAt(bytes, 8);
}

function abridged(bytes: Buffer): FirstFrame {
  if (bytes.length < 2) return "waiting";
  return keyIdAt(bytes, (bytes[1]! & 0x7f) === 0x7f ? 5 : 2);
}

function keyIdAt(bytes: Buffer, offset: number): FirstFrame {
  if (bytes.length < offset + 8) return "waiting";
  return { keyId: bytes.toString("hex", offset, offset + 8) };
}
