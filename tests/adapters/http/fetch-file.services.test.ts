import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFileFetcher } from "../../../src/adapters/http/fetch-file.ts";
import { isPublicAddress } from "../../../src/adapters/http/public-address.ts";

interface Place {
  readonly server: Server;
  readonly host: string;
  readonly seen: IncomingHttpHeaders[];
  /** The answer to each request, by turns; then the file. */
  readonly answers: { readonly status: number; readonly location?: string }[];
}

const credentials = "AC1:token";
const basic = `Basic ${Buffer.from(credentials).toString("base64")}`;
const file = "0123456789".repeat(100_000);
let own: Place;
let foreign: Place;

async function listen(): Promise<Place> {
  const seen: IncomingHttpHeaders[] = [];
  const answers: Place["answers"] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    const { status, location } = answers.shift() ?? { status: 200 };
    response.writeHead(status, location === undefined ? {} : { location });
    response.end(file);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen, answers };
}

beforeEach(async () => {
  [own, foreign] = await Promise.all([listen(), listen()]);
});
afterEach(() => {
  for (const { server } of [own, foreign]) server.close();
});

const fetcher = (rules: { readonly hosts?: string[]; readonly privateHosts?: string[] } = {}) =>
  createFileFetcher({ credentials, hosts: [own.host], privateHosts: [own.host], ...rules });
const refused = expect.objectContaining({ code: "MEDIA_REFUSED", policy: "terminal" });

describe("a file of a message, by HTTP", () => {
  it("is read with the credentials from a server that is listed", async () => {
    expect(Buffer.from(await fetcher()(`http://${own.host}/1`, 2_000_000)).toString()).toBe(file);
    expect(own.seen).toMatchObject([{ authorization: basic, host: own.host }]);
  });

  it("stops with the chunk that is too much", async () => {
    const { length } = await fetcher()(`http://${own.host}/1`, 10);
    expect(length).toBeGreaterThan(10);
    expect(length).toBeLessThan(file.length);
  });

  it("is not asked of another server in a private network, which sees no credentials", async () => {
    await expect(fetcher()(`http://${foreign.host}/1`, 10)).rejects.toThrow(refused);
    expect(foreign.seen).toEqual([]);
  });

  it("brings no credentials to a server that is not listed for them", async () => {
    const privateHosts = [own.host, foreign.host];
    await fetcher({ privateHosts })(`http://${foreign.host}/1`, 10);
    await fetcher({ privateHosts })(`http://${credentials}@${foreign.host}/1`, 10);
    expect(foreign.seen.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  it("is not followed to a server in a private network", async () => {
    own.answers.push({ status: 302, location: `http://${foreign.host}/meta-data` });
    await expect(fetcher()(`http://${own.host}/1`, 10)).rejects.toThrow(refused);
    expect(foreign.seen).toEqual([]);
  });

  it("is followed elsewhere without the credentials, even to a server that is listed", async () => {
    own.answers.push({ status: 307, location: `http://${foreign.host}/1` });
    const both = [own.host, foreign.host];
    await fetcher({ hosts: both, privateHosts: both })(`http://${own.host}/1`, 10);
    expect(foreign.seen).toHaveLength(1);
    expect(foreign.seen[0]).not.toHaveProperty("authorization");
  });

  it("is not followed for ever", async () => {
    for (let hop = 0; hop < 9; hop += 1) own.answers.push({ status: 302, location: "/again" });
    await expect(fetcher()(`http://${own.host}/1`, 10)).rejects.toThrow(refused);
    expect(own.seen).toHaveLength(4);
  });

  it("is told apart: gone, away for now, and not to be read", async () => {
    own.answers.push({ status: 410 }, { status: 503 });
    const read = fetcher();
    await expect(read(`http://${own.host}/1`, 10)).rejects.toMatchObject({ code: "MEDIA_GONE" });
    const away = { code: "MEDIA_UNAVAILABLE", policy: "retryable" };
    await expect(read(`http://${own.host}/1`, 10)).rejects.toMatchObject(away);
    await expect(read("file:///etc/passwd", 10)).rejects.toThrow(refused);
    await expect(read(`http://localhost:1/1`, 10)).rejects.toThrow(refused);
  });
});

describe("an address", () => {
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fd00::1",
    "fe80::1",
    "ff02::1",
    "localhost",
  ])("%s is not one of the public internet", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(["8.8.8.8", "172.32.0.1", "2606:4700::1111"])("%s is", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});
