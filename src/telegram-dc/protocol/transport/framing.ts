import { crc32 } from "./crc32.ts";

/** The four ways of cutting a TCP stream into frames (core.telegram.org/mtproto/mtproto-transports). */
export type FramingName = "abridged" | "intermediate" | "padded" | "full";

/** A frame and its length in the stream, in bytes. `quickAck` asks for an early acknowledgement. */
export interface Frame {
  readonly payload: Buffer;
  readonly streamBytes: number;
  readonly quickAck: boolean;
}

/** Reads and writes frames of one connection. */
export interface Framing {
  readonly name: FramingName;
  /** The first whole frame in the bytes, `undefined` while it is incomplete. */
  read(stream: Buffer): Frame | undefined;
  write(payload: Uint8Array): Buffer;
}

/** The reason why a stream is unreadable; the connection is reset. */
export class FramingError extends Error {
  readonly code: "FRAME_TOO_LARGE" | "FRAME_DAMAGED" | "TRANSPORT_UNKNOWN";

  constructor(code: FramingError["code"], message: string) {
    super(message);
    this.name = "FramingError";
    this.code = code;
  }
}

/** Larger than any message that MTProto allows (1 MiB), so that a wrong length cannot hold memory. */
const frameBytesMax = 2 * 1024 * 1024;
const quickAckBit = 0x80000000;

function requireSize(bytes: number): void {
  if (bytes > frameBytesMax) {
    throw new FramingError(
      "FRAME_TOO_LARGE",
      `A frame declares ${bytes} bytes; ${frameBytesMax} is the most. Check that both sides use the same transport.`,
    );
  }
}

/** Makes the framing of a name, with its own counters. */
export function createFraming(name: FramingName): Framing {
  switch (name) {
    case "abridged":
      return createAbridged();
    case "full":
      return createFull();
    case "intermediate":
    case "padded":
      return createIntermediate(name);
    default:
      return name satisfies never;
  }
}

function createAbridged(): Framing {
  return {
    name: "abridged",
    read(stream) {
      const first = stream[0];
      if (first === undefined) return undefined;
      const isLong = (first & 0x7f) === 0x7f;
      const headBytes = isLong ? 4 : 1;
      if (stream.length < headBytes) return undefined;
      const bytes = 4 * (isLong ? stream.readUIntLE(1, 3) : first & 0x7f);
      requireSize(bytes);
      const streamBytes = headBytes + bytes;
      if (stream.length < streamBytes) return undefined;
      const payload = stream.subarray(headBytes, streamBytes);
      return { payload, streamBytes, quickAck: (first & 0x80) !== 0 };
    },
    write(payload) {
      const words = payload.length / 4;
      const headBytes = words < 0x7f ? 1 : 4;
      const frame = Buffer.allocUnsafe(headBytes + payload.length);
      if (headBytes === 1) frame[0] = words;
      else frame.writeUInt32LE(((words << 8) | 0x7f) >>> 0, 0);
      frame.set(payload, headBytes);
      return frame;
    },
  };
}

function createIntermediate(name: "intermediate" | "padded"): Framing {
  return {
    name,
    read(stream) {
      if (stream.length < 4) return undefined;
      const head = stream.readUInt32LE(0);
      const bytes = head & 0x7fffffff;
      requireSize(bytes);
      if (stream.length < 4 + bytes) return undefined;
      // Padding is 0 to 15 bytes. Its part beyond a multiple of four is cut here, the rest by the
      // message layer.
      const payloadBytes = name === "padded" ? bytes - (bytes % 4) : bytes;
      const payload = stream.subarray(4, 4 + payloadBytes);
      return { payload, streamBytes: 4 + bytes, quickAck: (head & quickAckBit) !== 0 };
    },
    write(payload) {
      const frame = Buffer.allocUnsafe(4 + payload.length);
      frame.writeUInt32LE(payload.length, 0);
      frame.set(payload, 4);
      return frame;
    },
  };
}

function createFull(): Framing {
  let sentFrames = 0;
  let receivedFrames = 0;
  return {
    name: "full",
    read(stream) {
      if (stream.length < 12) return undefined;
      const bytes = stream.readUInt32LE(0);
      requireSize(bytes);
      if (bytes < 12) throw damaged(`declares ${bytes} bytes, and 12 is the least`);
      if (stream.length < bytes) return undefined;
      const expected = stream.readUInt32LE(bytes - 4);
      if (crc32(stream.subarray(0, bytes - 4)) !== expected) throw damaged("has a wrong CRC-32");
      const sequence = stream.readInt32LE(4);
      if (sequence !== receivedFrames) {
        throw damaged(`has sequence number ${sequence}, and ${receivedFrames} is due`);
      }
      receivedFrames++;
      return { payload: stream.subarray(8, bytes - 4), streamBytes: bytes, quickAck: false };
    },
    write(payload) {
      const frame = Buffer.allocUnsafe(12 + payload.length);
      frame.writeUInt32LE(frame.length, 0);
      frame.writeUInt32LE(sentFrames++, 4);
      frame.set(payload, 8);
      frame.writeUInt32LE(crc32(frame.subarray(0, frame.length - 4)), frame.length - 4);
      return frame;
    },
  };
}

function damaged(what: string): FramingError {
  return new FramingError(
    "FRAME_DAMAGED",
    `A frame of the full transport ${what}. Open a new connection.`,
  );
}
