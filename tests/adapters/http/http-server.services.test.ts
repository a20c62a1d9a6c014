import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HttpServer, startHttpServer } from "../../../src/adapters/http/http-server.ts";
import { rawHttp } from "../../fixtures/raw-http.ts";

const token = "t0ken-of-32-letters-or-more-abcdef";
const bearer = { authorization: `Bearer ${token}` };
let server: HttpServer;

beforeAll(async () => {
  server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    names: ["holdfast.example.com"],
    token,
    metricsType: "text/plain",
    metrics: async () => "figures\n",
    unready: () => null,
    status: async () => ({ accounts: ["<desk>"] }),
  });
});

afterAll(() => server.close());

const ask = (path: string, headers: Readonly<Record<string, string>> = {}, method = "GET") =>
  rawHttp(new URL(path, server.url), { headers, method });

describe("the node's HTTP", () => {
  it.each(["/metrics", "/healthz", "/readyz"])("shows %s to all", async (path) => {
    expect((await ask(path)).status).toBe(200);
  });

  it.each(["/status", "/", "/elsewhere"])(
    "shows %s to those alone who have the token",
    async (path) => {
      expect(await ask(path)).toMatchObject({
        status: 401,
        headers: { "www-authenticate": "Bearer" },
      });
      const wrong = { authorization: `Bearer ${token}x` };
      expect((await ask(path, wrong)).status).toBe(401);
      expect((await ask(path, { cookie: `holdfast_console=${token}x` })).status).toBe(401);
      expect((await ask(path, bearer)).status).toBe(path === "/elsewhere" ? 404 : 200);
    },
  );

  it("gives a browser the token as a cookie, for which it then shows the console", async () => {
    expect((await ask("/?token=guessed")).status).toBe(401);
    const { status, headers } = await ask(`/?token=${token}`);
    expect([status, headers["location"]]).toEqual([303, "/"]);
    const [kept = ""] = headers["set-cookie"] ?? [];
    expect(kept).toMatch(/; HttpOnly; SameSite=Strict; Path=\/$/);
    const { text } = await ask("/", { cookie: `other=1; ${kept.split(";")[0]}` });
    expect(text).toContain("&lt;desk&gt;");
  });

  it("is not reached by a name that was bound to its address from elsewhere", async () => {
    for (const host of [
      "evil.example",
      "evil.example:80",
      "127.0.0.1.evil.example",
      "10.0.0.1",
      "two words",
    ]) {
      const answers = await Promise.all(
        ["/status", "/metrics", "/healthz"].map((path) => ask(path, { ...bearer, host })),
      );
      expect(answers.map(({ status }) => status)).toEqual([421, 421, 421]);
    }
    for (const host of ["localhost:9464", "[::1]", "Holdfast.Example.com"]) {
      expect((await ask("/status", { ...bearer, host })).status).toBe(200);
    }
  });

  it("does not answer a page of another origin, whatever it shows", async () => {
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ]) {
      expect((await ask("/status", { ...bearer, ...headers })).status).toBe(403);
    }
    expect((await ask("/status", { ...bearer, origin: server.url })).status).toBe(200);
  });

  it("may only be read", async () => {
    const { status, headers } = await ask("/status", bearer, "POST");
    expect([status, headers["allow"]]).toEqual([405, "GET, HEAD"]);
    expect(await ask("/status", bearer, "HEAD")).toMatchObject({ status: 200, text: "" });
  });

  it("says that nothing may be kept, framed or guessed", async () => {
    for (const path of ["/", "/status", "/healthz", "/elsewhere"]) {
      expect((await ask(path)).headers).toMatchObject({
        "cache-control": "no-store",
        "content-security-policy": expect.stringContaining("default-src 'none'"),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
      });
    }
  });

  it("holds every address for its own where it listens on all", async () => {
    const wide = await startHttpServer({
      host: "0.0.0.0",
      port: 0,
      names: [],
      token,
      metricsType: "text/plain",
      metrics: async () => "",
      unready: () => "not yet",
      status: async () => ({}),
    });
    const url = wide.url.replace("0.0.0.0", "127.0.0.1");
    const statusOf = async (host: string) =>
      (await rawHttp(`${url}/readyz`, { headers: { host } })).status;
    expect([await statusOf("10.1.2.3:80"), await statusOf("evil.example")]).toEqual([503, 421]);
    await wide.close();
  });
});
