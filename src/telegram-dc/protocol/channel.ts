import type { Socket } from "node:net";
import type { ProtocolContext } from "./context.ts";
import { createFrameStream } from "./transport/frame-stream.ts";

/** One accepted socket, as frames. */
export interface Channel {
  readonly write: (payload: Uint8Array) => void;
  /**
   * Answers a transport error (core.telegram.org/mtproto/mtproto-transports#transport-errors) and
   * closes.
   */
  refuse(transportError: 404 | 444): void;
  /** Sends the pending bytes, then FIN. */
  finish(): void;
  /** Sends RST at once. */
  reset(): void;
}

/** A client that does not answer a FIN within this time is reset. */
const lingerMs = 5_000;

/** Reads frames off a socket until it closes. An unreadable stream is reset. */
export function createChannel(
  { clock, stats, limits }: ProtocolContext,
  socket: Socket,
  onFrame: (frame: Buffer) => void,
): Channel {
  const frames = createFrameStream();
  let isClosing = false;
  let cancelLinger: (() => void) | undefined;

  function reset(): void {
    isClosing = true;
    socket.resetAndDestroy();
  }

  function finish(): void {
    if (isClosing) return;
    isClosing = true;
    socket.end();
    cancelLinger = clock.schedule(lingerMs, reset);
  }

  function write(payload: Uint8Array): void {
    if (isClosing || !socket.writable) return;
    socket.write(frames.send(payload));
    if (socket.writableLength > limits.unsentBytesMax) {
      stats.slowReaders++;
      reset();
    }
  }

  socket.on("data", (bytes) => {
    if (typeof bytes === "string") return;
    try {
      for (const frame of frames.receive(bytes)) {
        if (isClosing) return;
        onFrame(frame.payload);
      }
    } catch {
      stats.damagedFrames++;
      reset();
    }
  });
  socket.on("error", () => {
    // The close event follows and carries everything needed.
  });
  socket.once("close", () => {
    isClosing = true;
    cancelLinger?.();
  });

  return {
    write,
    refuse(transportError) {
      const payload = Buffer.alloc(4);
      payload.writeInt32LE(-transportError);
      write(payload);
      finish();
    },
    finish,
    reset,
  };
}
