import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPartitionReplies } from "../../../src/adapters/postgres/outbox-store.ts";
import { createWebhookRequests } from "../../../src/adapters/postgres/webhook-requests.ts";
import { createSystemClock } from "../../../src/concurrency/system-clock.ts";
import { createSiteManagerBot } from "../../../src/bots/site-manager/site-manager-bot.ts";
import type { OutboxSender } from "../../../src/conversation/outbox/sender.ts";
import { createNodeWebhook, type NodeWebhook } from "../../../src/channels/webhook/channel.ts";
import { runHere } from "../../../src/conversation/turns/bot-here.ts";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import type { PartitionClaim } from "../../../src/ports/conversation/conversation-store.ts";
import type { WebhookReply } from "../../../src/channels/webhook/deliver.ts";
import { deferred } from "../../fixtures/deferred.ts";
import {
  type ConversationBench,
  openConversationBench,
} from "../../fixtures/conversation-bench.ts";
import { publicUrl, secret, sid, signatureOf } from "../../fixtures/provider-posts.ts";

const replySecret = "a secret of the gateway";
const from = "whatsapp:+33612345678";

interface Posted {
  readonly reply: WebhookReply;
  readonly key: string | undefined;
  readonly signature: string | undefined;
  readonly timestamp: string | undefined;
  readonly body: string;
}

let bench: ConversationBench;
let endpoint: Server;
let webhook: NodeWebhook;
let posted: Posted[];
/** The endpoint's answer to each attempt, by turns; then 200. */
let answers: { readonly status: number; readonly retryAfter?: string }[];
let senders: OutboxSender[];
let outcomes: string[];
/** Codes of what was noted. */
let notes: string[];
let address: string;

beforeEach(async () => {
  bench = await openConversationBench();
  [posted, answers, senders, outcomes, notes] = [[], [], [], [], []];
  endpoint = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      const header = (name: string) => request.headers[name]?.toString();
      posted.push({
        reply: JSON.parse(body) as WebhookReply,
        key: header("idempotency-key"),
        signature: header("x-holdfast-signature"),
        timestamp: header("x-holdfast-timestamp"),
        body,
      });
      const { status, retryAfter } = answers.shift() ?? { status: 200 };
      response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter });
      response.end();
    });
  });
  endpoint.listen(0, "127.0.0.1");
  await once(endpoint, "listening");
  const { port } = endpoint.address() as AddressInfo;
  const listening = deferred();
  webhook = createNodeWebhook({
    config: {
      host: "127.0.0.1",
      port: 0,
      url: publicUrl,
      secret,
      replyUrl: `http://127.0.0.1:${port}/replies`,
      replySecret,
      account: "whatsapp",
      menus: "numbered",
      media: { credentials: null, hosts: [], privateHosts: [] },
    },
    stream: bench.stream,
    requests: createWebhookRequests(bench.database),
    replies: createPartitionReplies(bench.database),
    outbox: bench.outbox,
    clock: createSystemClock(),
    events: {
      report: (event) => {
        if (event.type === "note") notes.push(event.code);
      },
    },
    log: pino(
      {},
      {
        write(line) {
          const { webhook: at } = JSON.parse(line) as { readonly webhook?: string };
          if (at === undefined) return;
          address = at;
          listening.resolve();
        },
      },
    ),
    onRequest: (outcome) => void outcomes.push(outcome),
    onReply: () => {},
    onListening: () => {},
  });
  webhook.listen();
  await listening.promise;
});
afterEach(async () => {
  await webhook.stop();
  await Promise.all(senders.map((sender) => sender.stop()));
  await bench.close();
  endpoint.close();
});

/** The turns and the replies of a new owner. */
async function serve(bot: Bot = createSiteManagerBot()): Promise<PartitionClaim> {
  let sender: OutboxSender;
  const engine = await bench.makeEngine(bot, {
    findBot: () => ({ bot: runHere(bot), style: "numbered", sentBy: "owner" }),
    notifyOutbox: () => sender.notify(),
  });
  const [row] = await bench.database.query<{ epoch: string }>(
    "select epoch from partitions where id = 0",
  );
  const claim = { partition: 0, epoch: Number(row!.epoch) };
  sender = webhook.makeSender(claim, () => {});
  senders.push(sender);
  await Promise.all([sender.start(), engine.start()]);
  return claim;
}

let messages = 0;
async function post(change: Readonly<Record<string, string>>, signature?: string): Promise<number> {
  messages += 1;
  const fields = {
    From: from,
    MessageSid: sid(String(messages)),
    Body: "",
    NumMedia: "0",
    ...change,
  };
  return postAsIs(fields, signature ?? signatureOf(fields));
}

async function postAsIs(fields: Readonly<Record<string, string>>, signature: string) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "x-twilio-signature": signature },
    body: new URLSearchParams(fields),
  });
  await answer.text();
  return answer.status;
}

const texts = () => posted.map(({ reply }) => reply.text.split("\n")[0]);
const arrived = (count: number) => expect.poll(() => posted.length).toBe(count);
const states = async () =>
  (await bench.database.query<{ state: string }>("select state from outbox order by id")).map(
    ({ state }) => state,
  );

describe("the channel beside Telegram (V15)", () => {
  it("answers what is posted to it, in order, signed, and with the choices as data", async () => {
    await serve();
    expect(await post({ Body: "Bonjour", MessageSid: sid("SM-hello") })).toBe(200);
    await arrived(1);
    const { reply, key, signature, timestamp, body } = posted[0]!;
    expect(reply).toMatchObject({ account: "whatsapp", to: from, answers: sid("SM-hello") });
    expect(reply.text).toMatch(/^Bonjour!.*\n\n1\. View Sites/s);
    expect(key).toBe(reply.id);
    expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(60);
    const right = createHmac("sha256", replySecret).update(`${timestamp}.${body}`).digest("hex");
    expect(signature).toBe(`sha256=${right}`);
    const { data } = reply.choices.find(({ label }) => label === "View Sites")!;
    const tap = { ButtonPayload: data, OriginalRepliedMessageSid: sid("SM-hello") };
    const pressed = { ...tap, MessageSid: sid("SM-press") };
    expect([await post(pressed), await post(pressed)]).toEqual([200, 200]);
    expect(await post({ Body: "1" })).toBe(200);
    await arrived(3);
    expect(await post({ ...tap, MessageSid: sid("SM-later-press") })).toBe(200);
    await arrived(4);
    expect(texts().slice(1)).toEqual([
      "Here are your sites. Choose one to see its tasks.",
      "Tasks of Champigny:",
      "Here are your sites. Choose one to see its tasks.",
    ]);
    await expect.poll(states).toEqual(["sent", "sent", "sent", "sent"]);
    expect(bench.telegram.sends).toBe(0);
  });

  it("takes a message once that the provider posts again, after whatever time", async () => {
    await serve();
    const message = { Body: "Bonjour", MessageSid: sid("SM-once") };
    expect([await post(message), await post(message)]).toEqual([200, 200]);
    expect(await post({ Body: "Sites" })).toBe(200);
    await arrived(2);
    expect(texts()[1]).toContain("your sites");
    expect(bench.turnEndings.toSorted()).toEqual(["committed", "committed", "duplicate"]);
  });

  it("takes one captured request once, however its fields are cut anew", async () => {
    await serve();
    const repliedTo = sid("earlier");
    const whole = {
      Body: "Bonjour",
      From: from,
      MessageSid: sid("captured"),
      NumMedia: "0",
      OriginalRepliedMessageSid: repliedTo,
      To: "+1",
    };
    const signature = signatureOf(whole);
    const { Body, MessageSid, To } = whole;
    const cut = [
      {
        Body,
        From: from,
        MessageSid: `${MessageSid}NumMedia0`,
        OriginalRepliedMessageSid: repliedTo,
        To,
      },
      {
        Body,
        From: from,
        MessageSid: `${MessageSid}NumMedia0OriginalRepliedMessageSid${repliedTo}To+1`,
      },
      // The one cut with an id of the right form: that of the message that was answered.
      {
        Body,
        From: `${from}MessageSid${MessageSid}NumMedia0OriginalReplied`,
        MessageSid: repliedTo,
        To,
      },
    ];
    expect(await postAsIs(whole, signature)).toBe(200);
    const statuses = [];
    for (const fields of cut) statuses.push(await postAsIs(fields, signature));
    expect(statuses).toEqual([400, 400, 200]);
    await expect.poll(() => bench.turnEndings.toSorted()).toEqual(["committed", "duplicate"]);
    await arrived(1);
  });

  it("takes nothing that is not signed, is no message, is a report, or is too much; the rest is unaffected", async () => {
    await serve();
    expect(await post({ Body: "Bonjour" }, "bm90IHRoZSBzaWduYXR1cmU=")).toBe(403);
    expect(await post({ Body: "Bonjour", From: "" })).toBe(400);
    expect(await post({ Body: "x".repeat(1_000_000) }).catch(() => 413)).toBe(413);
    expect((await fetch(address)).status).toBe(405);
    expect(await post({ Body: "Bonjour", MessageStatus: "delivered" })).toBe(200);
    expect(await post({ Body: "\u0000\uD800 Bonjour" })).toBe(200);
    await arrived(1);
    expect(outcomes).toEqual([
      "unsigned",
      "malformed",
      "too-large",
      "malformed",
      "report",
      "taken",
    ]);
    const turns = await bench.database.query<{ asked: string }>("select asked from turns");
    expect(turns).toEqual([{ asked: "\uFFFD\uFFFD Bonjour" }]);
  });

  it("has the provider post again what could not be stored", async () => {
    await serve();
    const { append } = bench.stream;
    bench.stream.append = () => Promise.reject(new Error("the stream is away"));
    expect(await post({ Body: "Bonjour", MessageSid: sid("SM-again") })).toBe(503);
    bench.stream.append = append;
    expect(await post({ Body: "Bonjour", MessageSid: sid("SM-again") })).toBe(200);
    await arrived(1);
  });

  it("posts a reply again under the same id until it is taken, and nothing of that chat before", async () => {
    await serve();
    answers = [{ status: 500 }, { status: 404 }, { status: 409 }];
    await post({ Body: "Bonjour" });
    await arrived(1);
    await post({ Body: "Sites" });
    await expect.poll(states, { timeout: 15_000 }).toEqual(["sent", "sent"]);
    expect(new Set(posted.slice(0, 3).map(({ reply }) => reply.id)).size).toBe(1);
    expect(texts()).toEqual([
      ...Array<string>(3).fill(texts()[0]!),
      expect.stringContaining("sites"),
    ]);
  }, 20_000);

  it("waits as long as the endpoint asks, and goes on past a reply that it will never take", async () => {
    await serve();
    answers = [{ status: 429, retryAfter: "0" }, { status: 200 }, { status: 422 }];
    await post({ Body: "Bonjour" });
    await arrived(2);
    await post({ Body: "Sites" });
    await post({ Body: "Champigny" });
    await arrived(4);
    await expect.poll(states).toEqual(["sent", "failed", "sent"]);
    expect(notes).not.toContain("REPLY_UNKNOWN");
  });

  it("leaves what one owner began to the next, who posts it under the same id", async () => {
    answers = [{ status: 500 }];
    const first = await serve();
    await post({ Body: "Bonjour" });
    await arrived(1);
    await serve();
    await arrived(2);
    expect(posted[1]!.reply.id).toBe(posted[0]!.reply.id);
    const stale = createPartitionReplies(bench.database);
    const what = { limit: 1, perChat: 1, except: [], rested: [], wake: [] };
    expect(await stale.claim(first, what)).toBeNull();
    expect(await stale.recover(first, [])).toBe(false);
  });

  it("hands files to the bot by their address, and places as what they are", async () => {
    const bot: Bot = {
      name: "files",
      async handle(turn) {
        if (turn.input.kind !== "media") return;
        const [file] = turn.input.media;
        turn.reply(`${turn.input.caption}: ${file!.mimeType} ${file!.source.kind}`);
      },
    };
    await serve(bot);
    const media = {
      NumMedia: "1",
      MediaUrl0: "https://a.example/1",
      MediaContentType0: "image/png",
    };
    expect(await post({ Body: "the crack", ...media })).toBe(200);
    await arrived(1);
    expect(await post({ Latitude: "48.8566", Longitude: "2.3522" })).toBe(200);
    await arrived(2);
    expect(texts()).toEqual(["the crack: image/png url", ": application/geo+json place"]);
    const session = await bench.conversations.load(
      { channel: "webhook", account: "whatsapp", chatUser: from },
      60_000,
    );
    expect(session.messages[0]).toMatchObject({ body: "the crack", media: [{ type: "photo" }] });
  });
});
