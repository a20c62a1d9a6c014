import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import { natsAccessOf } from "../../src/embedded/run-info.ts";
import {
  type AttackedService,
  asStranger,
  attackedService,
  canBeStranger,
} from "../fixtures/attacked-service.ts";
import { rawHttp } from "../fixtures/raw-http.ts";

const secret = "a secret of the provider";
const publicUrl = "https://bot.example.com/inbound";
let service: AttackedService;
let status: URL;
let control: string;
let operator: NatsConnection;

beforeAll(async () => {
  service = await attackedService({
    HOLDFAST_WEBHOOK_PORT: "0",
    HOLDFAST_WEBHOOK_URL: publicUrl,
    HOLDFAST_WEBHOOK_SECRET: secret,
    // Nothing listens there: what counts is which turns run.
    HOLDFAST_WEBHOOK_REPLY_URL: "http://127.0.0.1:9/replies",
  });
  const run = service.running.run();
  status = new URL("/status", run.console);
  control = run.telegramControl!;
  operator = await connectNats(natsAccessOf(run, {}), "operator");
}, 120_000);

afterAll(async () => {
  await operator?.close();
  await service?.stop();
}, 60_000);

/** What the owner's own tools see: the ledger of the simulated Telegram. */
async function ledger(path = "/ledger"): Promise<string> {
  const { telegramControlToken } = service.running.run();
  const headers = { authorization: `Bearer ${telegramControlToken}` };
  const { status: answered, text } = await rawHttp(new URL(path, control), { headers });
  expect(answered).toBe(200);
  return text;
}

const users = (text: string) => text.match(/site[_-](?:bot|desk)/g) ?? [];

describe("a page of the web in a browser beside the service", () => {
  it("reads nothing after its name was bound to the service's address", async () => {
    for (const url of [status, new URL("/", status), new URL("/users", control)]) {
      const host = `evil.example:${url.port}`;
      const { status: answered, text } = await rawHttp(url, { headers: { host } });
      expect([answered, users(text)]).toEqual([421, []]);
    }
  });

  it("makes no simulated person write, by a request that needs no question first", async () => {
    const { status: answered, text } = await rawHttp(new URL("/users/site_desk/send", control), {
      method: "POST",
      headers: { origin: "https://evil.example", "content-type": "text/plain" },
      body: JSON.stringify({ peer: "site_bot", text: "written by a page" }),
    });
    expect([answered, JSON.parse(text)]).toMatchObject([403, { code: "FOREIGN_ORIGIN" }]);
    expect(await ledger("/ledger/messages")).not.toContain("written by a page");
  });
});

describe.runIf(canBeStranger)("another local user, who finds the ports", () => {
  it("reads neither accounts, nor codes, nor chats, and changes nothing", async () => {
    const { out } = await asStranger(
      `const [status, control] = process.argv.slice(1);
       const json = { "content-type": "application/json" };
       const send = { method: "POST", headers: json, body: JSON.stringify({ peer: "site_bot", text: "x" }) };
       for (const [url, init] of [[status], [new URL("/", status)], [new URL("/users", control)],
         [new URL("/users/site_desk/code", control)], [new URL("/events", control)],
         [new URL("/users/site_desk/send", control), send]]) console.log((await fetch(url, init)).status);
       process.exit();`,
      status.href,
      control,
    );
    expect(out).toBe("401\n".repeat(6));
  });

  it("sees that the service lives, and no more", async () => {
    const { out } = await asStranger(
      `console.log((await fetch(process.argv[1])).status)`,
      new URL("/healthz", status).href,
    );
    expect(out).toBe("200\n");
  });
});

/** As the operator, past what the command line itself would refuse. */
async function call(method: string, params: unknown): Promise<unknown> {
  const subject = "holdfast.account.site-desk.invoke";
  const body = JSON.stringify({ method, params });
  return (await operator.request(subject, body, { timeout: 10_000 })).json();
}

describe("a caller of the raw API", () => {
  it.each([
    ["account.registerPasskey", {}],
    ["account.initPasskeyRegistration", {}],
    ["account.verifyEmail", {}],
    ["account.resetPassword", {}],
    ["bots.exportBotToken", {}],
    ["messages.translateText", { toLang: "en", peer: { _: "inputPeerSelf" }, id: [1] }],
  ])("does not bring %s to Telegram", async (method, params) => {
    expect(await call(method, params)).toMatchObject({
      ok: false,
      message: expect.stringContaining("may not be called through Holdfast"),
    });
    expect(await ledger()).not.toContain(method);
  });

  it("names the service account as no peer, however it is spelled", async () => {
    const userId = { $long: "777000" };
    const params = {
      fromPeer: { _: "inputPeerUser", userId, accessHash: { $long: "0" } },
      toPeer: { _: "inputPeerSelf" },
      id: [1],
      randomId: [{ $long: "7" }],
    };
    expect(await call("messages.forwardMessages", params)).toMatchObject({
      ok: false,
      message: expect.stringContaining("service account"),
    });
    expect(await ledger()).not.toContain("messages.forwardMessages");
  });
});

describe("one who captured a request of the provider", () => {
  const messageId = `SM${"1".repeat(32)}`;
  const whole = {
    Body: "Bonjour",
    From: "+33612345678",
    MessageSid: messageId,
    NumMedia: "0",
    To: "+1",
  };
  const signature = createHmac("sha1", secret)
    .update(
      publicUrl +
        Object.entries(whole)
          .map(([name, value]) => name + value)
          .join(""),
    )
    .digest("base64");

  function address(): string {
    const log = readFileSync(join(service.home, "logs", "gate.log"), "utf8");
    return [...log.matchAll(/"webhook":"([^"]+)"/g)].at(-1)![1]!;
  }
  const post = async (fields: Readonly<Record<string, string>>) =>
    (
      await rawHttp(address(), {
        method: "POST",
        headers: { "x-twilio-signature": signature },
        body: new URLSearchParams(fields).toString(),
      })
    ).status;

  it("has it take effect once, cut into whatever fields", async () => {
    const { Body, From, To } = whole;
    expect(await post(whole)).toBe(200);
    const again = [
      await post(whole),
      await post({ Body, From, MessageSid: `${messageId}NumMedia0`, To }),
      await post({ Body, From, MessageSid: `${messageId}NumMedia0To${To}` }),
    ];
    expect(again).toEqual([200, 400, 400]);
    const database = openDatabase(service.running.run().database);
    try {
      await expect.poll(() => turnsIn(database), { timeout: 10_000 }).toEqual([`m:${messageId}`]);
    } finally {
      await database.close();
    }
  });

  const turnsIn = async (database: ReturnType<typeof openDatabase>) =>
    (
      await database.query<{ inbound_id: string }>(
        "select inbound_id from turns where channel = 'webhook'",
      )
    ).map(({ inbound_id }) => inbound_id);
});
