import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import type { TelegramDc } from "../../../src/telegram-dc/telegram-dc.ts";
import { createCleanup, portOf } from "../../fixtures/telegram-dc/data-centres.ts";

const cleanup = createCleanup();

interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

function asBody(value: unknown): Reply["body"] {
  if (typeof value === "object" && value !== null) return { ...value };
  throw new Error("the control API answers with objects");
}

const shown = ({ controlToken }: TelegramDc) => ({ authorization: `Bearer ${controlToken}` });

async function controlled(): Promise<{
  dc: TelegramDc;
  ask: (method: string, path: string, body?: unknown) => Promise<Reply>;
}> {
  const dc = await cleanup.dataCentre({ controlPort: 0, config: { callbackTimeoutMs: 10 } });
  return {
    dc,
    async ask(method, path, body) {
      const content = typeof body === "string" ? body : JSON.stringify(body);
      const response = await fetch(`${dc.controlUrl}${path}`, {
        method,
        headers: { ...shown(dc), "content-type": "application/json" },
        ...(body === undefined ? {} : { body: content }),
      });
      return { status: response.status, body: asBody(await response.json()) };
    },
  };
}

async function twoPeople() {
  const control = await controlled();
  const ada = await control.ask("POST", "/users", { firstName: "Ada", username: "ada" });
  const bob = await control.ask("POST", "/users", { firstName: "Bob", username: "bob" });
  return { ...control, ada: String(ada.body["id"]), bob: String(bob.body["id"]) };
}

describe("the control API", () => {
  it("says where the data centre listens, which key it shows, and what can be asked", async () => {
    const { dc, ask } = await controlled();
    const { body } = await ask("GET", "/");
    expect(body).toMatchObject({
      host: "127.0.0.1",
      port: dc.port,
      dcId: 2,
      fingerprint: String(dc.fingerprint),
    });
    expect(body["rsaPublicKeyPem"]).toContain("BEGIN RSA PUBLIC KEY");
    expect(body["routes"]).toContain("POST /users/:id/send");
  });

  it("creates people and bots, with ids as decimal text", async () => {
    const { ask } = await controlled();
    const person = await ask("POST", "/users", { firstName: "Ada", phone: "+999 66 100001" });
    expect(person).toMatchObject({ status: 201, body: { phone: "99966100001" } });
    const bot = await ask("POST", "/users", { firstName: "Bot", username: "b_bot", bot: true });
    expect(bot.body["botToken"]).toMatch(new RegExp(`^${String(bot.body["id"])}:[\\w-]{35}$`));
    expect((await ask("GET", "/users/b_bot")).body["id"]).toBe(bot.body["id"]);
  });

  it("sends as one person, and shows it to the other", async () => {
    const { ask, ada, bob } = await twoPeople();
    const sent = await ask("POST", `/users/${ada}/send`, { peer: "bob", text: "hi" });
    expect(sent).toMatchObject({ status: 201, body: { messageId: 1 } });
    const { body } = await ask("GET", `/users/bob/messages?peer=${ada}`);
    expect(body["messages"]).toMatchObject([
      { id: 1, fromId: ada, peerId: ada, isOutgoing: false, text: "hi", buttons: [] },
    ]);
    expect((await ask("GET", `/users/${bob}/messages?after=1`)).body).toEqual({ messages: [] });
  });

  it("sends once for one randomId", async () => {
    const { ask, ada } = await twoPeople();
    const body = { peer: "bob", text: "hi", randomId: "9007199254740993" };
    const first = await ask("POST", `/users/${ada}/send`, body);
    expect((await ask("POST", `/users/${ada}/send`, body)).body).toEqual(first.body);
    const { messages } = (await ask("GET", "/users/bob/messages")).body;
    expect(messages).toHaveLength(1);
  });

  it("answers a wait for the next message by the message itself", async () => {
    const { dc, ask, ada, bob } = await twoPeople();
    const waiting = ask("GET", `/users/${bob}/messages/next?after=0&waitMs=30000`);
    dc.phone.send(BigInt(ada), { peer: "bob", text: "now" });
    expect((await waiting).body).toMatchObject({ message: { text: "now" } });
    const none = await ask("GET", `/users/${bob}/messages/next?after=1&waitMs=1`);
    expect(none.body).toEqual({ message: null });
  });

  it("streams messages as server-sent events", async () => {
    const { dc, ada } = await twoPeople();
    const stream = await fetch(`${dc.controlUrl}/events`, { headers: shown(dc) });
    dc.phone.send(BigInt(ada), { peer: "bob", text: "now" });
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream.body ?? []) {
      text += decoder.decode(chunk);
      if (text.includes("data: ")) break;
    }
    expect(text).toMatch(/event: message\ndata: \{"userId":"\d+","message":\{.*"text":"now"/);
  });

  it("answers a press under a silent bot by BOT_RESPONSE_TIMEOUT", async () => {
    const { dc, ask, ada } = await twoPeople();
    dc.phone.createUser({ firstName: "Bot", username: "site_bot", bot: true });
    dc.phone.send("site_bot", { peer: BigInt(ada), text: "no buttons" });
    const { status, body } = await ask("POST", `/users/${ada}/press`, {
      peer: "site_bot",
      messageId: 1,
      data: "go",
    });
    expect([status, body["code"]]).toEqual([409, "MESSAGE_ID_INVALID"]);
  });

  it("orders faults, lists them with what they did, and takes them back", async () => {
    const { ask, ada } = await twoPeople();
    const made = await ask("POST", "/faults", { kind: "lose-update", userId: ada, count: 3 });
    expect(made).toMatchObject({ status: 201, body: { left: 3, delivered: 0 } });
    const { id } = made.body;
    expect((await ask("GET", "/faults")).body["faults"]).toMatchObject([{ id, userId: ada }]);
    expect((await ask("DELETE", `/faults/${String(id)}`)).status).toBe(200);
    expect((await ask("DELETE", `/faults/${String(id)}`)).status).toBe(404);
    await ask("POST", "/faults", { kind: "blackhole" });
    expect((await ask("DELETE", "/faults")).body).toEqual({ faults: [] });
  });

  it("shows the ledger", async () => {
    const { ask, ada } = await twoPeople();
    await ask("POST", `/users/${ada}/send`, { peer: "bob", text: "hi" });
    expect((await ask("GET", "/ledger")).body).toMatchObject({
      messagesAccepted: 1,
      overlaps: { "parallel-requests": 0, "any-two-connections": 0, "by-address": 0 },
    });
    expect((await ask("GET", "/ledger/overlaps")).body).toMatchObject({ "by-address": 0 });
    expect((await ask("GET", "/ledger/connections?open=1")).body).toEqual({ connections: [] });
    const { messages } = (await ask("GET", `/ledger/messages?from=${ada}`)).body;
    expect(messages).toMatchObject([{ text: "hi", fromId: ada }]);
    expect((await ask("GET", "/ledger/messages?from=bob")).body).toEqual({ messages: [] });
  });

  it.each<[string, string, unknown, number, string]>([
    ["POST", "/users", "{", 400, "BAD_BODY"],
    ["POST", "/users", [], 400, "BAD_BODY"],
    ["POST", "/users", {}, 400, "BAD_FIELD"],
    ["POST", "/users", { firstName: 5 }, 400, "BAD_FIELD"],
    ["POST", "/users", { firstName: "A", nickname: "a" }, 400, "BAD_FIELD"],
    ["POST", "/users", { firstName: " " }, 400, "BAD_USER"],
    ["POST", "/users", { firstName: "A", phone: "12" }, 400, "BAD_USER"],
    ["POST", "/users", { firstName: "A", username: "1a" }, 400, "BAD_USER"],
    ["POST", "/users", { firstName: "A", bot: true, password: "x" }, 400, "BAD_USER"],
    ["POST", "/users", { firstName: "A", username: "ADA" }, 409, "USERNAME_TAKEN"],
    ["POST", "/users/ada/send", { peer: "nobody", text: "x" }, 404, "UNKNOWN_USER"],
    ["POST", "/users/ada/send", { peer: "bob", text: " " }, 400, "BAD_TEXT"],
    ["POST", "/users/ada/send", { peer: "bob", text: "x", randomId: "x" }, 400, "BAD_FIELD"],
    ["POST", "/users/777000/send", { peer: "bob", text: "x" }, 409, "SERVICE_ACCOUNT"],
    ["POST", "/users/ada/press", { messageId: 1 }, 400, "BAD_FIELD"],
    ["POST", "/users/ada/press", { messageId: 1, data: "x" }, 404, "UNKNOWN_MESSAGE"],
    ["POST", "/users/ada/login-tokens", { token: "AAAA" }, 409, "AUTH_TOKEN_INVALIDX"],
    ["POST", "/faults", { kind: "rain" }, 400, "BAD_FIELD"],
    ["POST", "/faults", { kind: "flood" }, 400, "BAD_FAULT"],
    ["GET", "/users/ada/messages?limit=x", undefined, 400, "BAD_FIELD"],
    ["GET", "/nothing", undefined, 404, "UNKNOWN_ROUTE"],
    ["GET", "/users/%E0%A4%A", undefined, 400, "BAD_URL"],
  ])("answers %s %s with %o by %i %s, and changes nothing", async (...row) => {
    const [method, path, body, status, code] = row;
    const { dc, ask } = await twoPeople();
    const before = dc.phone.users().length;
    const reply = await ask(method, path, body);
    expect([reply.status, reply.body["code"]]).toEqual([status, code]);
    expect(reply.body["error"]).toMatch(/^.{20,}$/);
    expect([dc.phone.users().length, dc.ledger.messages(), dc.phone.faults()]).toEqual([
      before,
      [],
      [],
    ]);
  });

  it("refuses to start on a port that is taken, and leaves nothing listening", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => {
      squatter.once("listening", resolve);
    });
    cleanup.later(async () => squatter.close());
    const port = portOf(squatter);
    for (const options of [{ port }, { controlPort: port }]) {
      await expect(cleanup.dataCentre(options)).rejects.toMatchObject({ code: "PORT_IN_USE" });
    }
  });
});
