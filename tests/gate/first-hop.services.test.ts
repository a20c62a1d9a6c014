import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import type { JournalEntry } from "../../src/custody/ledger-proof.ts";
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
/** What a SOCKS proxy was asked to connect to, as it was sent. */
let asked: string[];

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const to = () => ({ host: "127.0.0.1", port: portOf(telegram) });

async function listen(onSocket: (socket: Socket) => void, host = "127.0.0.1"): Promise<Server> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  server.listen(0, host);
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
    asked.push(request.toString("hex"));
    client.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
    pipe(client, request.readUInt16BE(request.length - 2));
  };
}

/** As its first authors wrote it down: one question, one answer. */
async function socks4(client: Socket): Promise<void> {
  const [request] = (await once(client, "data")) as [Buffer];
  asked.push(request.toString("hex"));
  client.write(Buffer.from([0, 90, 0, 0, 0, 0, 0, 0]));
  pipe(client, request.readUInt16BE(2));
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
  asked = [];
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

async function talk(url: string, far = to()): Promise<string> {
  const permit = { ...grant, keyId, proxy: url };
  const ends = new PassThrough();
  const answers: Buffer[] = [];
  const client = Object.assign(ends, {
    write: (chunk: Buffer) => answers.push(chunk) > 0,
  }) as unknown as Socket;
  await table.dial(permit, far, client);
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

  it("is refused where a stored address cannot be read, and says nothing of it", async () => {
    const permit = { ...grant, keyId, proxy: "https://desk:s3cret@127.0.0.1" };
    const refused = table.dial(permit, to(), new PassThrough() as unknown as Socket);
    const error: unknown = await refused.catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "PROXY_MALFORMED" });
    expect(inspect(error, { depth: null })).not.toContain("s3cret");
  });

  it("goes through SOCKS4", async () => {
    proxy = await listen((client) => void socks4(client));
    await talk(`socks4://127.0.0.1:${portOf(proxy)}`);
    expect(arrived.equals(firstFrame)).toBe(true);
  });

  it("goes through SOCKS5 to an IPv6 address, and through one that has such an address", async () => {
    proxy = await listen((client) => void socks5("desk", "p@ss")(client), "::1");
    await talk(`socks5://desk:p%40ss@[::1]:${portOf(proxy)}`, { ...to(), host: "2001:67c:4e8::a" });
    expect(arrived.equals(firstFrame)).toBe(true);
    const address = "2001067c04e80000000000000000000a";
    expect(asked).toEqual([expect.stringMatching(`^05010004${address}[0-9a-f]{4}$`)]);
  });

  it("goes through HTTP CONNECT to an IPv6 address", async () => {
    const seen: string[] = [];
    proxy = await listen((client) => void http("200 OK", seen)(client));
    await talk(`http://127.0.0.1:${portOf(proxy)}`, { ...to(), host: "2001:67c:4e8::a" });
    expect(arrived.equals(firstFrame)).toBe(true);
    expect(seen[0]).toContain(`CONNECT [2001:67c:4e8::a]:${portOf(telegram)} HTTP/1.1`);
  });

  it("hears what the far end says in one piece with the proxy's answer", async () => {
    proxy = await listen(
      (client) =>
        void once(client, "data").then(() => client.write("HTTP/1.1 200 OK\r\n\r\nanswer")),
    );
    expect(await talk(`http://127.0.0.1:${portOf(proxy)}`)).toBe("answer");
  });

  it("is refused by a SOCKS proxy that does not know its password, which no error repeats", async () => {
    proxy = await listen((client) => void socks5("desk", "p@ss")(client));
    const permit = { ...grant, keyId, proxy: `socks5://desk:s3cret@127.0.0.1:${portOf(proxy)}` };
    const refused = await table
      .dial(permit, to(), new PassThrough() as unknown as Socket)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "PROXY_REFUSED" });
    expect(inspect(refused, { depth: null })).not.toContain("s3cret");
    await expect.poll(() => table.sockets(grant)).toBe(0);
    expect(arrived.length).toBe(0);
  });

  it.each(["socks5", "http"])("gives a %s proxy up that hangs up", async (scheme) => {
    proxy = await listen((client) => void once(client, "data").then(() => client.end()));
    const permit = { ...grant, keyId, proxy: `${scheme}://127.0.0.1:${portOf(proxy)}` };
    await expect(
      table.dial(permit, to(), new PassThrough() as unknown as Socket),
    ).rejects.toMatchObject({ code: "PROXY_REFUSED" });
    await expect.poll(() => table.sockets(grant)).toBe(0);
  });

  it.each(["socks5", "http"])("gives a %s proxy up that says nothing for 10 s", async (scheme) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const heard = Promise.withResolvers<void>();
    proxy = await listen((client) => void client.once("data", () => heard.resolve()));
    const permit = { ...grant, keyId, proxy: `${scheme}://127.0.0.1:${portOf(proxy)}` };
    let failure: unknown;
    const dialled = table.dial(permit, to(), new PassThrough() as unknown as Socket);
    const ended = dialled.catch((error: unknown) => (failure = error));
    await heard.promise;
    await vi.advanceTimersByTimeAsync(9_999);
    expect(failure).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await ended;
    expect(failure).toMatchObject({ code: "PROXY_REFUSED" });
    expect(arrived.length).toBe(0);
  });

  it("is refused by its proxy in one clear line, and nothing stays open", async () => {
    proxy = await listen((client) => void http("407 Proxy Authentication Required", [])(client));
    const permit = { ...grant, keyId, proxy: `http://127.0.0.1:${portOf(proxy)}` };
    await expect(
      table.dial(permit, to(), new PassThrough() as unknown as Socket),
    ).rejects.toMatchObject({ code: "PROXY_REFUSED", message: expect.stringContaining("407") });
    await expect.poll(() => table.sockets(grant)).toBe(0);
    expect(journal.filter(({ kind }) => kind === "open")).toEqual([]);
    expect(arrived.length).toBe(0);
  });

  it("never connects past a proxy that is away", async () => {
    proxy = await listen(() => {});
    const port = portOf(proxy);
    proxy.close();
    const permit = { ...grant, keyId, proxy: `socks5://127.0.0.1:${port}` };
    await expect(
      table.dial(permit, to(), new PassThrough() as unknown as Socket),
    ).rejects.toMatchObject({ code: "TELEGRAM_UNREACHABLE" });
    expect(arrived.length).toBe(0);
  });
});
