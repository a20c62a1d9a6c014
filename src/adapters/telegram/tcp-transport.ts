import { Socket, connect } from "node:net";
import type { Duplex } from "node:stream";
import { ConnectionClosedError } from "@fuman/net";
import {
  type IPacketCodec,
  type ITelegramConnection,
  IntermediatePacketCodec,
  type TelegramTransport,
} from "@mtcute/core";
import type { BasicDcOption } from "@mtcute/core/utils.js";
import { alreadyOpen, type Dialled } from "../../ports/custody/gate.ts";

/** How mtcute reaches a data centre. */
export interface TcpTransportOptions {
  /**
   * Opens the socket for a data centre and resolves once it is connected; by default it dials the address
   * itself. A socket gate is put in here.
   */
  readonly dial?: (dc: BasicDcOption) => Promise<Duplex>;
  /** The framing on the wire; by default intermediate. */
  readonly createCodec?: () => IPacketCodec;
}

/** mtcute's transport over node:net. */
export function createTcpTransport(options: TcpTransportOptions = {}): TelegramTransport {
  const dial = options.dial ?? dialDirectly;
  const createCodec = options.createCodec ?? createIntermediateCodec;
  return {
    connect: async (dc) => wrapSocket(alreadyOpen(await dial(dc))),
    packetCodec: createCodec,
  };
}

function createIntermediateCodec(): IPacketCodec {
  return new IntermediatePacketCodec();
}

function dialDirectly(dc: BasicDcOption): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: dc.ipAddress,
      port: dc.port,
      noDelay: true,
      keepAlive: true,
    });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/**
 * A socket as mtcute reads and writes it; it is read once it is open. Bytes are taken from it only as fast as the
 * client asks for them. Closing resets the connection, so that nothing queued leaves afterwards.
 */
export function wrapSocket({ stream: socket, opened }: Dialled): ITelegramConnection {
  let wakeReader: (() => void) | undefined;
  let failure: Error | undefined;

  function wake(): void {
    wakeReader?.();
    wakeReader = undefined;
  }
  function listen(): void {
    socket.on("readable", wake);
    socket.on("end", wake);
  }
  const listening = opened.then(listen, wake);
  socket.on("close", wake);
  socket.on("error", (error) => {
    failure = error;
    wake();
  });

  function closed(): ConnectionClosedError {
    return new ConnectionClosedError(failure?.message);
  }

  return {
    localAddress: socket instanceof Socket ? endpoint(socket.localAddress, socket.localPort) : null,
    remoteAddress:
      socket instanceof Socket ? endpoint(socket.remoteAddress, socket.remotePort) : null,
    async read(into) {
      await listening;
      for (;;) {
        const bytes = Math.min(into.length, socket.readableLength);
        const chunk: unknown = bytes === 0 ? null : socket.read(bytes);
        if (chunk instanceof Uint8Array) {
          into.set(chunk);
          return chunk.length;
        }
        if (socket.destroyed || socket.readableEnded) throw closed();
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
          // Asks the socket for more, and for its end, when nothing is buffered.
          socket.read(0);
        });
      }
    },
    write(bytes) {
      return new Promise((resolve, reject) => {
        if (!socket.writable) {
          reject(closed());
          return;
        }
        socket.write(bytes, (error) => {
          if (error === undefined || error === null) resolve();
          else reject(closed());
        });
      });
    },
    close() {
      resetSocket(socket);
    },
  };
}

/**
 * Ends a socket at once: queued bytes do not leave. Only TCP knows a reset. A TCP socket that was
 * ended before cannot be reset any more, since Node would never close it. Those are destroyed.
 */
export function resetSocket(socket: Duplex): void {
  const isTcp = socket instanceof Socket && socket.remotePort !== undefined;
  if (isTcp && !socket.writableEnded && !socket.destroyed) socket.resetAndDestroy();
  else socket.destroy();
}

function endpoint(
  address: string | undefined,
  port: number | undefined,
): { address: string; port: number } | null {
  return address === undefined || port === undefined ? null : { address, port };
}
