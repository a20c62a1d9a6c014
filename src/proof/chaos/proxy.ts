import {
  type AddressInfo,
  connect,
  createServer,
  type NetConnectOpts,
  type Socket,
} from "node:net";

/** `cut`: refused and reset. `frozen`: nothing passes, and neither side is told. */
export type LinkMode = "flow" | "cut" | "frozen";

/** A host's own link to a server, which can be broken. */
export interface Proxy {
  readonly port: number;
  set(mode: LinkMode): void;
  /** Connections and bytes held back by a broken link: proof that the fault was felt. */
  readonly felt: number;
  close(): Promise<void>;
}

/** `target` is read at each connection, so that a server may return at another address. */
export async function createProxy(target: () => NetConnectOpts): Promise<Proxy> {
  let mode: LinkMode = "flow";
  let felt = 0;
  const pairs = new Set<readonly [Socket, Socket]>();

  function reset(pair: readonly [Socket, Socket]): void {
    pairs.delete(pair);
    for (const socket of pair) {
      if (socket.destroyed) continue;
      // Only TCP can be reset; PostgreSQL's own side is a unix socket.
      if (socket.remotePort === undefined) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  /** Forwards with back pressure; a break on one side breaks the other the same way. */
  function pipe(from: Socket, to: Socket, pair: readonly [Socket, Socket]): void {
    from.on("data", (chunk: Buffer) => {
      if (mode !== "flow") felt += 1;
      if (mode === "frozen") {
        from.pause();
        from.unshift(chunk);
        return;
      }
      if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("error", () => reset(pair));
    from.once("end", () => to.end());
    from.once("close", () => {
      pairs.delete(pair);
      if (!to.destroyed) to.destroy();
    });
  }

  const server = createServer((client) => {
    if (mode === "cut") {
      felt += 1;
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(target());
    for (const socket of [client, upstream]) socket.setNoDelay(true);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    pipe(client, upstream, pair);
    pipe(upstream, client, pair);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    get felt() {
      return felt;
    },
    set(next) {
      mode = next;
      if (mode === "cut") {
        felt += pairs.size;
        for (const pair of pairs) reset(pair);
      }
      if (mode === "flow") for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    close: () =>
      new Promise((resolve) => {
        for (const pair of pairs) reset(pair);
        server.close(() => resolve());
      }),
  };
}
