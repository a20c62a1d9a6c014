import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NatsConnection } from "@nats-io/transport-node";
import { createSealKey } from "../../../src/adapters/crypto/curve-seal.ts";
import { createCommandSealing } from "../../../src/adapters/crypto/sealed-commands.ts";
import { requestSealed } from "../../../src/adapters/crypto/sealed-request.ts";
import { connectNats } from "../../../src/adapters/nats/connection.ts";
import { createTelegramNotice } from "../../../src/adapters/notices/telegram-message.ts";
import { createWebhook } from "../../../src/adapters/notices/webhook.ts";
import type { AskHolder } from "../../../src/ports/ask-holder.ts";
import type { Notice } from "../../../src/ports/accounts/notices.ts";
import { testNats } from "../../fixtures/nats.ts";

const notice: Notice = {
  id: "desk-quarantined-5",
  account: "desk",
  code: "KEY_DEAD",
  text: "desk is logged out",
};

describe("a notice by webhook", () => {
  let server: Server;
  let status: number;
  const bodies: unknown[] = [];
  const signatures: unknown[] = [];
  const logins: unknown[] = [];

  beforeEach(async () => {
    status = 204;
    bodies.length = 0;
    signatures.length = 0;
    logins.length = 0;
    server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk) => (text += String(chunk)));
      request.on("end", () => {
        bodies.push(JSON.parse(text));
        signatures.push(request.headers["x-holdfast-signature"]);
        logins.push(request.headers.authorization);
        response.writeHead(status).end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterEach(() => void server.close());

  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;

  it("is POSTed as JSON", async () => {
    await createWebhook({ url: url(), secret: null }, () => 0).send(notice);
    expect(bodies).toEqual([notice]);
    expect(signatures).toEqual([undefined]);
  });

  it("is signed with its time where there is a secret", async () => {
    await createWebhook({ url: url(), secret: "of the receiver" }, () => 1_700_000_000_999).send(
      notice,
    );
    const right = createHmac("sha256", "of the receiver")
      .update(`1700000000.${JSON.stringify(notice)}`)
      .digest("hex");
    expect(signatures).toEqual([`sha256=${right}`]);
  });

  it("brings the user and the password that stand in its address", async () => {
    const named = url().replace("//", "//gate:p%40w@");
    await createWebhook({ url: named, secret: null }, () => 0).send(notice);
    expect(logins).toEqual([`Basic ${Buffer.from("gate:p@w").toString("base64")}`]);
  });

  it("has not arrived unless the answer says so", async () => {
    status = 503;
    await expect(createWebhook({ url: url(), secret: null }, () => 0).send(notice)).rejects.toThrow(
      "503",
    );
  });
});

describe("a notice by a message from another account", () => {
  const key = createSealKey();
  const sealing = createCommandSealing(key, { request: () => {}, reply: (answer) => answer });
  let nats: NatsConnection;
  let ask: AskHolder;
  beforeEach(async () => {
    nats = await connectNats(testNats(), "notices");
    ask = (asked) => requestSealed(nats, key.publicKey, asked);
  });
  afterEach(() => nats.close());

  it("goes sealed through whoever holds that account, under a key that makes it one message", async () => {
    const asked: unknown[] = [];
    const wire: string[] = [];
    nats.subscribe("holdfast.account.notices-desk.send", {
      callback(_error, message) {
        const { subject } = message;
        wire.push(message.string());
        const request = sealing.open({ subject, verb: "send", given: message.json() });
        asked.push(request.body);
        message.respond(request.reply({ ok: asked.length > 1, message: "it cools" }));
      },
    });
    await nats.flush();
    const way = createTelegramNotice(ask, { from: "notices-desk", to: "@olga" });
    await expect(way.send(notice)).rejects.toThrow("it cools");
    await way.send(notice);
    const body = { peer: "@olga", text: "desk is logged out", key: "notice-desk-quarantined-5" };
    expect(asked).toEqual([body, body]);
    expect(wire.join("\n")).not.toContain("olga");
  });

  it("is not sent by the account that it is about", async () => {
    const way = createTelegramNotice(ask, { from: "desk", to: "@olga" });
    await expect(way.send(notice)).rejects.toThrow("cannot tell of itself");
  });
});
