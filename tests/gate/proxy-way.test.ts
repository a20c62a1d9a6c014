import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSystemClock } from "../../src/adapters/system-clock.ts";
import type { JournalEntry } from "../../src/custody/journal-chain.ts";
import { createSocketTable, type SocketTable } from "../../src/gate/socket-table.ts";

const grant = { account: "desk", slot: 1, epoch: 1 };
const keyId = "0807060504030201";
const firstFrame = Buffer.concat([
  Buffer.from("eeeeeeee18000000", "hex"),
  Buffer.from(keyId, "hex"),
  Buffer.alloc(16, 7),
]);

let telegram: Server;
let proxy: Server | null;
let sockets: Socket[];
let journal: JournalEntry[];
let table: SocketTable;
/** The bytes that the far side received. */
let arrived: Buffer;

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const to = () => ({ host: "127.0.0.1", port: portOf(telegram) });

async function listen(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function pipe(client: Socket, port: number): void {
  const far = connect({ host: "127.0.0.1", port });
  sockets.push(far);
  far.on("error", () => {});
  client.pipe(far).pipe(client);
  client.once("close", () => far.destroy());
}

/** RFC 1928 and 1929, as far as a test needs them. */
function socks5(user: string, password: string) {
  return async (client: Socket) => {
    await once(client, "data");
    client.write(Buffer.from([5, 2]));
    const [login] = (await once(client, "data")) as [Buffer];
    const given = login.toString("latin1");
    const fits = given.includes(user) && given.includes(password);
    client.write(Buffer.from([1, fits ? 0 : 1]));
    if (!fits) return void client.end();
    const [request] = (await once(client, "data")) as [Buffer];
    client.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
    pipe(client, request.readUInt16BE(request.length - 2));
  };
}

function http(status: string, seen: string[]) {
  return async (client: Socket) => {
    const [head] = (await once(client, "data")) as [Buffer];
    seen.push(head.toString("latin1"));
    client.write(`HTTP/1.1 ${status}\r\nvia: test\r\n\r\n`);
    if (status.startsWith("2")) pipe(client, Number(/:(\d+) HTTP/.exec(head.toString())![1]));
  };
}

beforeEach(async () => {
  sockets = [];
  journal = [];
  proxy = null;
  arrived = Buffer.alloc(0);
  telegram = await listen((socket) => {
    socket.on("data", (chunk: Buffer) => {
      arrived = Buffer.concat([arrived, chunk]);
      socket.write("answer");
    });
  });
  table = createSocketTable({
    mayAct: () => true,
    journal: (entry) => journal.push(entry),
    now: () => 0,
    asleepSinceMs: () => null,
    clock: createSystemClock(),
    restMs: 0,
    answerMs: 0,
  });
});

afterEach(async () => {
  await table.cutAll();
  for (const socket of sockets) socket.destroy();
  telegram.close();
  proxy?.close();
});

async function talk(url: string): Promise<string> {
  table.admit({ ...grant, keyId, proxy: url });
  const ends = new PassThrough();
  const answers: Buffer[] = [];
  const client = Object.assign(ends, {
    write: (chunk: Buffer) => answers.push(chunk) > 0,
  }) as unknown as Socket;
  await table.dial(grant, to(), client);
  ends.emit("data", firstFrame);
  await expect.poll(() => Buffer.concat(answers).toString()).toBe("answer");
  return Buffer.concat(answers).toString();
}

describe("an account with a proxy", () => {
  it("goes through SOCKS5 with a password, and the journal names the next hop", async () => {
    proxy = await listen((client) => void socks5("desk", "p@ss")(client));
    await talk(`socks5://desk:p%40ss@127.0.0.1:${portOf(proxy)}`);
    expect(arrived.equals(firstFrame)).toBe(true);
    expect(journal).toMatchObject([{ kind: "open", remote: `127.0.0.1:${portOf(proxy)}` }]);
  });

  it("goes through HTTP CONNECT, and says who it is", async () => {
    const seen: string[] = [];
    proxy = await listen((client) => void http("200 OK", seen)(client));
    await talk(`http://desk:secret@127.0.0.1:${portOf(proxy)}`);
    expect(arrived.equals(firstFrame)).toBe(true);
    expect(seen[0]).toContain(`CONNECT 127.0.0.1:${portOf(telegram)} HTTP/1.1`);
    expect(seen[0]).toContain(Buffer.from("desk:secret").toString("base64"));
  });

  it("is refused by its proxy in one clear line, and nothing stays open", async () => {
    proxy = await listen((client) => void http("407 Proxy Authentication Required", [])(client));
    table.admit({ ...grant, keyId, proxy: `http://127.0.0.1:${portOf(proxy)}` });
    await expect(
      table.dial(grant, to(), new PassThrough() as unknown as Socket),
    ).rejects.toMatchObject({ code: "PROXY_REFUSED", message: expect.stringContaining("407") });
    await expect.poll(() => table.sockets(grant)).toBe(0);
    expect(journal.filter(({ kind }) => kind === "open")).toEqual([]);
    expect(arrived.length).toBe(0);
  });

  it("never connects past a proxy that is away", async () => {
    proxy = await listen(() => {});
    const port = portOf(proxy);
    proxy.close();
    table.admit({ ...grant, keyId, proxy: `socks5://127.0.0.1:${port}` });
    await expect(
      table.dial(grant, to(), new PassThrough() as unknown as Socket),
    ).rejects.toMatchObject({ code: "TELEGRAM_UNREACHABLE" });
    expect(arrived.length).toBe(0);
  });
});
