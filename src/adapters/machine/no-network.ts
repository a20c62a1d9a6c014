import dgram from "node:dgram";
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { HoldfastError } from "../../errors.ts";

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Ends this process's way to the network, for good: each attempt fails with OUTSIDE_REFUSED. Node's permissions do
 * the same from Node 25 on; before that they know files, processes, workers and addons alone. All of Node's own
 * clients (`fetch`, `http`, `http2`, `tls`, WebSocket) connect by `net.Socket`, so that is where they end. A native
 * addon opens sockets without asking: do not permit any.
 * @param tell hears what was attempted, also where the code that tried it hides the failure
 */
export function closeNetwork(tell: (what: string) => void): void {
  const refuse = (what: string): HoldfastError => {
    tell(what);
    return refusal(what);
  };

  replaceIn(globalThis, "fetch", (request) => {
    const url = request instanceof Request ? request.url : String(request);
    return Promise.reject(refuse(`fetch ${url}`));
  });
  replaceIn(net.Socket.prototype, "connect", function (this: unknown, ...args) {
    const socket = this as net.Socket;
    const error = refuse(`connect to ${destination(args)}`);
    process.nextTick(() => socket.destroy(error));
    return socket;
  });
  replaceIn(net.Server.prototype, "listen", () => {
    throw refuse("listen for connections");
  });
  for (const name of ["bind", "connect", "send"]) {
    replaceIn(dgram.Socket.prototype, name, () => {
      throw refuse("use UDP");
    });
  }
  for (const [of, isPromised] of [
    [dns, false],
    [dns.Resolver.prototype, false],
    [dns.promises, true],
    [dns.promises.Resolver.prototype, true],
  ] as const) {
    for (const name of questions(of)) replaceIn(of, name, asking(name, isPromised, refuse));
  }
  // The names that a module has imported already follow.
  syncBuiltinESMExports();
}

function replaceIn(of: object, name: string, method: Method): void {
  Object.defineProperty(of, name, { value: method, writable: true, configurable: true });
}

/** The functions that ask a name server, or the resolver of the machine. */
function questions(of: object): readonly string[] {
  const names = new Set<string>();
  for (let at: object | null = of; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  return [...names].filter((name) => /^(?:lookup|resolve|reverse)/.test(name));
}

function asking(name: string, isPromised: boolean, refuse: (what: string) => Error): Method {
  return (...args) => {
    const error = refuse(`${name} ${String(args[0])}`);
    if (isPromised) return Promise.reject(error);
    const callback = args.at(-1);
    if (typeof callback !== "function") throw error;
    process.nextTick(() => void callback(error));
    return undefined;
  };
}

/** Node's own calls pass their arguments as one list. */
function destination(args: readonly unknown[]): string {
  const [first, second] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first === "object" && first !== null) {
    const { host, port, path } = first as net.NetConnectOpts &
      Partial<net.TcpNetConnectOpts & net.IpcNetConnectOpts>;
    return path !== undefined && port === undefined ? path : `${host ?? "localhost"}:${port}`;
  }
  return typeof second === "string" ? `${second}:${String(first)}` : String(first);
}

const refusal = (what: string): HoldfastError =>
  new HoldfastError({
    code: "OUTSIDE_REFUSED",
    message: `It would ${what}, which a replay does not do.`,
    next: "Put the call into turn.step: a replay answers it from the record.",
  });
