import { connect, type Socket } from "node:net";
import { SocksClient } from "socks";
import { HoldfastError } from "../errors.ts";
import type { Endpoint } from "../ports/gate.ts";

/** Where the first hop of a connection goes: the proxy, or the far end itself. */
export interface Way extends Endpoint {
  /** Goes on to the far end, once the first hop is there. Rejects with PROXY_REFUSED. */
  goOn(socket: Socket): Promise<void>;
}

const answerBytesMax = 8192;
const handshakeMsMax = 10_000;

/** @param proxy `socks5://user:password@host:port`, `socks4://…`, `http://…`, or null for directly. */
export function wayTo(to: Endpoint, proxy: string | null): Way {
  if (proxy === null) return { ...to, goOn: async () => {} };
  const url = new URL(proxy);
  const hop: Endpoint = { host: url.hostname, port: Number(url.port) };
  return {
    ...hop,
    async goOn(socket) {
      try {
        await (url.protocol === "http:"
          ? throughHttp(socket, url, to)
          : throughSocks(socket, url, to));
      } catch (cause) {
        throw new HoldfastError({
          code: "PROXY_REFUSED",
          message: `The proxy ${hop.host}:${hop.port} does not lead to ${to.host}:${to.port} (${String(Object(cause).message)}).`,
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

async function throughSocks(socket: Socket, url: URL, to: Endpoint): Promise<void> {
  await SocksClient.createConnection({
    command: "connect",
    existing_socket: socket,
    timeout: handshakeMsMax,
    destination: to,
    proxy: {
      host: url.hostname,
      port: Number(url.port),
      type: url.protocol === "socks4:" ? 4 : 5,
      ...(url.username === ""
        ? {}
        : {
            userId: decodeURIComponent(url.username),
            password: decodeURIComponent(url.password),
          }),
    },
  });
}

/** RFC 9110, section 9.3.6. */
async function throughHttp(socket: Socket, url: URL, to: Endpoint): Promise<void> {
  const far = `${to.host}:${to.port}`;
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const lines = [
    `CONNECT ${far} HTTP/1.1`,
    `Host: ${far}`,
    ...(url.username === ""
      ? []
      : [`Proxy-Authorization: Basic ${Buffer.from(user).toString("base64")}`]),
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const { status, rest } = await readHead(socket);
  if (!/^HTTP\/1\.[01] 2\d\d/.test(status)) throw new Error(`it answered ${status}`);
  if (rest.length > 0) socket.unshift(rest);
}

/** The first line of an answer, and what came behind its head; the socket is paused then. */
function readHead(socket: Socket): Promise<{ readonly status: string; readonly rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const stop = () => {
      clearTimeout(timer);
      socket.off("data", take).off("close", fail);
      socket.pause();
    };
    const fail = () => {
      stop();
      reject(new Error("it did not answer"));
    };
    const take = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) {
        if (head.length > answerBytesMax) fail();
        return;
      }
      stop();
      const [status = ""] = head.toString("latin1").split("\r\n");
      resolve({ status, rest: head.subarray(end + 4) });
    };
    const timer = setTimeout(fail, handshakeMsMax);
    socket.on("data", take).once("close", fail);
  });
}
