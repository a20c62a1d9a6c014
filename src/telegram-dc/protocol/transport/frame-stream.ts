import { type DetectedTransport, detectTransport } from "./detect.ts";
import { type Frame, type Framing, createFraming } from "./framing.ts";

/** Turns a connection's bytes into frames and back, in the client's transport. */
export interface FrameStream {
  /** Takes bytes of the socket; returns the frames that they complete. */
  receive(bytes: Buffer): Frame[];
  /** Encodes one frame. The client's first bytes must have come before. */
  send(payload: Uint8Array): Buffer;
  /** "obfuscated abridged" and the like; undefined until known. */
  readonly transportName: string | undefined;
}

/** A stream that detects its transport from the first bytes. */
export function createFrameStream(): FrameStream {
  let pending: Buffer = Buffer.alloc(0);
  let detected: DetectedTransport | undefined;
  let framing: Framing | undefined;

  function append(bytes: Buffer): void {
    const clear = detected?.obfuscation?.decipher.update(bytes) ?? bytes;
    pending = pending.length === 0 ? clear : Buffer.concat([pending, clear]);
  }

  function detect(): Framing | undefined {
    detected = detectTransport(pending);
    if (detected === undefined) return undefined;
    const rest = pending.subarray(detected.headerBytes);
    pending = detected.obfuscation?.decipher.update(rest) ?? rest;
    return createFraming(detected.framing);
  }

  function readFrames(known: Framing): Frame[] {
    const frames: Frame[] = [];
    for (;;) {
      const frame = known.read(pending);
      if (frame === undefined) return frames;
      pending = pending.subarray(frame.streamBytes);
      frames.push(frame);
    }
  }

  return {
    get transportName() {
      if (detected === undefined) return undefined;
      return detected.obfuscation === undefined
        ? detected.framing
        : `obfuscated ${detected.framing}`;
    },
    receive(bytes) {
      append(bytes);
      framing ??= detect();
      return framing === undefined ? [] : readFrames(framing);
    },
    send(payload) {
      if (framing === undefined)
        throw new Error("A frame was sent before the transport was known.");
      const frame = framing.write(payload);
      return detected?.obfuscation?.cipher.update(frame) ?? frame;
    },
  };
}
