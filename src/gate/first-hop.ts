import { connect, type Socket } from "node:net";
import { performHttpProxyHandshake, performSocksHandshake } from "@fuman/net";
import { HoldfastError } from "../errors.ts";
import { type Address, readAddress } from "../inputs/address.ts";
import type { Endpoint } from "../ports/custody/gate.ts";

/** Where the first hop of a connection goes: the proxy, or the far end itself. */
export interface Way extends Endpoint {
  /** Goes on to the far end, once the first hop is there. Rejects with PROXY_REFUSED. */
  goOn(socket: Socket): Promise<void>;
}

const handshakeMsMax = 10_000;

/**
 * @param proxy `socks5://user:password@host:port`, `socks4://…`, `http://…`, or null for directly
 * @throws HoldfastError PROXY_MALFORMED
 */
export function wayTo(to: Endpoint, proxy: string | null): Way {
  if (proxy === null) return { ...to, goOn: async () => {} };
  const read = readAddress(proxy, "proxy");
  if ("why" in read) throw unreadable(read.why);
  const hop: Endpoint = { host: read.value.host, port: read.value.port };
  return {
    ...hop,
    async goOn(socket) {
      try {
        await shakeHands(socket, read.value, to);
      } catch (error) {
        // Without its cause, which holds the proxy's password.
        throw new HoldfastError({
          code: "PROXY_REFUSED",
          message: `The proxy ${hop.host}:${hop.port} does not lead to ${to.host}:${to.port} (${String(Object(error).message)}).`,
          next: "Name another, or none, with: npx holdfast proxy <account>",
          policy: "retryable",
        });
      }
    },
  };
}

/** A connection to the first hop, not yet there. */
export const dial = ({ host, port }: Endpoint): Socket =>
  connect({ host, port, noDelay: true, keepAlive: true });

/** Tells the proxy where to go on to, and hands the socket back as the far end's; at most 10 s. */
async function shakeHands(socket: Socket, at: Address, { host, port }: Endpoint): Promise<void> {
  const hop = endsOf(socket);
  const { scheme, user, password } = at;
  const proxy = {
    host: at.host,
    port: at.port,
    ...(user === null ? {} : { user, password: password ?? "" }),
  };
  const to = { address: host, port };
  const shaken =
    scheme === "http"
      ? performHttpProxyHandshake(hop, hop, proxy, to)
      : performSocksHandshake(hop, hop, { ...proxy, version: scheme === "socks4" ? 4 : 5 }, to);
  const timer = setTimeout(hop.giveUp, handshakeMsMax);
  try {
    await shaken;
  } finally {
    clearTimeout(timer);
    hop.letGo();
  }
}

const unreadable = (why: string): HoldfastError =>
  new HoldfastError({
    code: "PROXY_MALFORMED",
    message: `The stored address of the proxy ${why}; nothing is dialled.`,
    next: "Give it again, or none, with: npx holdfast proxy <account>",
  });

/**
 * A socket as the handshake uses it: it reads only the bytes asked for, so that the rest is the far
 * end's.
 */
function endsOf(socket: Socket) {
  let isLate = false;
  let wake = () => {};
  const moved = () => wake();
  const signs = ["readable", "end", "close"] as const;
  for (const sign of signs) socket.on(sign, moved);
  return {
    async read(into: Uint8Array): Promise<number> {
      for (;;) {
        const bytes = Math.min(into.length, socket.readableLength);
        const chunk: unknown = bytes === 0 ? null : socket.read(bytes);
        if (chunk instanceof Uint8Array) {
          into.set(chunk);
          return chunk.length;
        }
        if (isLate || socket.destroyed || socket.readableEnded) {
          throw new Error("it did not answer");
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          // Asks for more, and for the end, when nothing is buffered.
          socket.read(0);
        });
      }
    },
    write: (bytes: Uint8Array) =>
      new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    giveUp() {
      isLate = true;
      wake();
    },
    letGo() {
      for (const sign of signs) socket.off(sign, moved);
    },
  };
}
