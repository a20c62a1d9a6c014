import type { Duplex } from "node:stream";
import { IntermediatePacketCodec, type IPacketCodec, type TelegramTransport } from "@mtcute/core";
import { TransportError } from "@mtcute/core";
import type { Dialled, Endpoint } from "../../../ports/custody/gate.ts";
import { HoldfastError } from "../../../errors.ts";
import { resetSocket, wrapSocket } from "../tcp-transport.ts";
import { nextReconnectMs } from "../client-shell.ts";
import { refuseBadPlainFrame, refuseLongFrame, WireBoundError } from "../wire-bounds.ts";
import { createSystemClock } from "../../../concurrency/system-clock.ts";
import { untilAborted, wait } from "../../../concurrency/wait.ts";

export interface WiresOptions {
  readonly dial: (to: Endpoint) => Promise<Dialled>;
  /** Aborts when the client ends: nothing is dialled or written any more. */
  readonly ended: AbortSignal;
  /** Whether a wire may be written to before it is open: a key exchange that is cut off leaves its waits behind. */
  readonly mayBeEarly: () => boolean;
  /** Everything that is to be written waits for this; rejects to write nothing. */
  readonly mayWrite: () => Promise<void>;
  /** The wire before is over, and nothing is open. */
  readonly onDialling: () => void;
  readonly onDialFailed: (error: unknown) => void;
  /** The first frame arrived: the other side is there. */
  readonly onAnswered: () => void;
  /** A wire that was open is gone, by whomever; `answered` as told by `onAnswered`. */
  readonly onBroken: (answered: boolean) => void;
  /** The positive number that the transport sent in place of a frame. */
  readonly onTransportError: (code: number) => void;
}

/** The connections of one client, never two at a time. */
export interface Wires {
  readonly transport: TelegramTransport;
  /** Resets the open wire; resolves when it has closed. */
  cut(): Promise<void>;
}

/**
 * mtcute's transport over `dial`: plain intermediate framing, as the gate reads the key id of the first frame. An
 * earlier wire is gone before the next is dialled: the library forgets, without closing it, a wire that failed.
 */
export function createWires(options: WiresOptions): Wires {
  const { ended } = options;
  const open = new Map<Duplex, Promise<void>>();
  const clock = createSystemClock();
  let answered = false;
  let isRefused = false;
  /** Grows with each wire in a row that was refused or did not open: a liar is not dialled again at once. */
  let pauseMs = 0;

  function keep(dialled: Dialled): Dialled {
    const { stream, opened } = dialled;
    if (ended.aborted) {
      stream.on("error", () => undefined);
      resetSocket(stream);
      ended.throwIfAborted();
    }
    answered = false;
    let nothingLeft = false;
    opened.catch((error: unknown) => {
      isRefused = true;
      nothingLeft = error instanceof HoldfastError;
      if (nothingLeft && !ended.aborted) options.onDialFailed(error);
    });
    open.set(
      stream,
      new Promise((resolve) => {
        stream.once("close", () => {
          open.delete(stream);
          resolve();
          // The library sends on the next wire what nobody has seen.
          if (!nothingLeft) options.onBroken(answered);
          answered = false;
        });
      }),
    );
    return dialled;
  }

  async function cut(): Promise<void> {
    const closing = [...open.values()];
    for (const socket of open.keys()) resetSocket(socket);
    await Promise.all(closing);
  }

  function createCodec(): IPacketCodec {
    return watchCodec(new IntermediatePacketCodec(), {
      onFrame() {
        if (answered) return;
        answered = true;
        options.onAnswered();
      },
      onTransportError: options.onTransportError,
      onRefused: () => (isRefused = true),
    });
  }

  return {
    cut,
    transport: {
      packetCodec: createCodec,
      async connect({ ipAddress: host, port }) {
        await cut();
        pauseMs = isRefused ? nextReconnectMs(pauseMs) : 0;
        isRefused = false;
        if (pauseMs > 0) await wait(clock, pauseMs, ended);
        ended.throwIfAborted();
        options.onDialling();
        try {
          const dialled = await untilAborted(ended, options.dial({ host, port }).then(keep));
          if (!options.mayBeEarly()) await untilAborted(ended, dialled.opened);
          const connection = wrapSocket(dialled);
          let isOpen = false;
          dialled.opened.then(
            () => (isOpen = true),
            () => undefined,
          );
          return {
            ...connection,
            async write(bytes) {
              await untilAborted(ended, options.mayWrite());
              const writing = connection.write(bytes);
              if (isOpen) return writing;
              // It leaves with the dial; that it could not shows with the end of the wire.
              writing.catch(() => undefined);
            },
          };
        } catch (error) {
          if (!ended.aborted) options.onDialFailed(error);
          throw error;
        }
      },
    },
  };
}

function watchCodec(
  codec: IPacketCodec,
  watch: { onFrame(): void; onTransportError(code: number): void; onRefused(): void },
): IPacketCodec {
  return {
    tag: () => codec.tag(),
    encode: (frame, into) => codec.encode(frame, into),
    reset: () => codec.reset(),
    async decode(reader, eof) {
      try {
        refuseLongFrame(announcedBytes(reader));
        const frame = await codec.decode(reader, eof);
        if (frame === null) return null;
        refuseBadPlainFrame(frame);
        watch.onFrame();
        return frame;
      } catch (error) {
        if (error instanceof WireBoundError) watch.onRefused();
        if (error instanceof TransportError) watch.onTransportError(error.code);
        throw error;
      }
    },
  };
}

/** The length of the frame that comes next, which stays unread; 0 while it has not come. */
function announcedBytes(reader: Parameters<IPacketCodec["decode"]>[0]): number {
  if (reader.available < 4) return 0;
  const length = reader.readSync(4);
  const bytes = new DataView(length.buffer, length.byteOffset, 4).getUint32(0, true);
  reader.rewind(4);
  return bytes;
}
