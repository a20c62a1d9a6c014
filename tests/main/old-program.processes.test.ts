import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { control, controlOf } from "../../src/embedded/control-api.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { createPhoneUser, type PhoneUser } from "../../src/demo/phone-user.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";
import type { WebhookReply } from "../../src/channels/webhook/deliver.ts";

const secret = "a secret of the provider";
const publicUrl = "https://bot.example.com/inbound";
/** With one new session among them, 95% are reused. */
const turnsForRatio = 24;

let home: string;
let running: Running;
let database: Database;
let endpoint: Server;
let taken: WebhookReply[];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-old-program-"));
  taken = [];
  endpoint = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      taken.push(JSON.parse(body) as WebhookReply);
      response.end();
    });
  });
  endpoint.listen(0, "127.0.0.1");
  await once(endpoint, "listening");
  const { port } = endpoint.address() as AddressInfo;
  const env = {
    ...process.env,
    HOLDFAST_HOME: home,
    HOLDFAST_WEBHOOK_PORT: "0",
    HOLDFAST_WEBHOOK_URL: publicUrl,
    HOLDFAST_WEBHOOK_SECRET: secret,
    HOLDFAST_WEBHOOK_REPLY_URL: `http://127.0.0.1:${port}/replies`,
    HOLDFAST_WEBHOOK_ACCOUNT: "whatsapp",
  };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
  database = openDatabase(running.run().database);
}, 120_000);

afterAll(async () => {
  await database.close();
  await running.stop();
  endpoint.close();
  await rm(home, { recursive: true, force: true });
}, 60_000);

const personNamed = (name: string): Promise<PhoneUser> =>
  createPhoneUser(controlOf(running.run())!, name, "site_bot");

const sessionsOf = ({ id }: { readonly id: string }) =>
  database.query<{ id: string; status: string; turns: number }>(
    "select id::text, status, turns from conversation_sessions where chat_user = $1 order by id",
    [id],
  );

const reportOf = async ({ id }: PhoneUser) =>
  database.query<{ images: number; comments: number; status: string | null; task: string }>(
    "select images, comments, status, subject ->> 'taskId' as task from progress_updates where chat_user = $1",
    [id],
  );

/** The sum of the figure over all its labels that contain the given ones. */
async function figure(name: string, ...labels: readonly string[]): Promise<number> {
  const text = await (await fetch(new URL("/metrics", running.run().metrics))).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** As a person sends several messages before an answer comes. */
async function sayAtOnce(person: PhoneUser, ...words: readonly string[]): Promise<void> {
  const base = controlOf(running.run())!;
  await Promise.all(
    words.map((text) =>
      control(base, "POST", `/users/${person.id}/send`, { peer: "site_bot", text }),
    ),
  );
  await expect
    .poll(async () => (await person.received()).length, { timeout: 20_000 })
    .toBe(words.length);
}

/** To the tasks of Champigny. */
async function walk(person: PhoneUser): Promise<readonly string[]> {
  await person.say("Bonjour");
  expect((await person.press("View Sites")).labels).toContain("Champigny");
  const { text, labels } = await person.press("Champigny");
  expect(text).toMatch(/^Tasks of Champigny:/);
  return labels;
}

const [tiles, stairwell] = ["Lay the bathroom tiles", "Paint the stairwell"];

describe("the tests of the program that this one replaces, against the real thing (T2)", () => {
  it("test_no_duplicate_sessions_on_concurrent_creates", async () => {
    const person = await personNamed("Concurrent");
    await sayAtOnce(person, "Bonjour", "Bonjour", "Bonjour");
    expect(await sessionsOf(person)).toMatchObject([{ status: "active", turns: 3 }]);
  });

  it("test_progress_update_concurrent_session_creates", async () => {
    const person = await personNamed("Reporter");
    await walk(person);
    const { id } = person.newest();
    await Promise.all([person.tap(id, tiles), person.tap(id, stairwell)]);
    await expect.poll(async () => (await person.received()).length, { timeout: 20_000 }).toBe(5);
    const reports = await reportOf(person);
    expect(reports).toHaveLength(1);
    expect(reports).toMatchObject([{ images: 0, comments: 0, status: null }]);
    expect(await sessionsOf(person)).toHaveLength(1);
  });

  it("test_session_reuse_ratio_healthy", async () => {
    const person = await personNamed("Regular");
    const decisions = () => figure("holdfast_session_decisions_total", 'account="site-bot"');
    const reused = () => figure("holdfast_session_decisions_total", 'code="SESSION_REUSED"');
    const [allBefore, reusedBefore] = [await decisions(), await reused()];
    for (let turn = 0; turn < turnsForRatio; turn += 1) await person.say("Sites");
    const [all, again] = [(await decisions()) - allBefore, (await reused()) - reusedBefore];
    expect([all, again]).toEqual([turnsForRatio, turnsForRatio - 1]);
    expect(again / all).toBeGreaterThanOrEqual(0.95);
  });

  it("test_metrics_detect_suspicious_rate", async () => {
    const person = await personNamed("Rapid");
    const signs = () => figure("holdfast_conversation_signs_total", 'sign="RAPID_CREATES"');
    const before = await signs();
    await person.say("Bonjour");
    await database.query(
      "update conversation_sessions set status = 'ended', ended_at = now() where chat_user = $1",
      [person.id],
    );
    await person.say("Bonjour");
    expect(await sessionsOf(person)).toMatchObject([{ status: "ended" }, { status: "active" }]);
    expect((await signs()) - before).toBe(1);
  });

  it("test_context_preserved_across_actions", async () => {
    const person = await personNamed("Walker");
    const signs = async () => [
      await figure("holdfast_conversation_signs_total", 'sign="CONTEXT_LOST"'),
      await figure("holdfast_conversation_signs_total", 'sign="HISTORY_EMPTY"'),
    ];
    const before = await signs();
    await walk(person);
    const [session, ...others] = await sessionsOf(person);
    expect([session?.turns, others]).toEqual([3, []]);
    const turns = await database.query<{ asked: string; tools: string[] | null }>(
      `select asked, (select array_agg(o ->> 'name') from json_array_elements(tool_outputs) o) as tools
       from turns where session_id = $1 order by seq`,
      [session!.id],
    );
    expect(turns).toEqual([
      { asked: "Bonjour", tools: null },
      { asked: "View Sites", tools: ["list_projects_tool"] },
      { asked: "Champigny", tools: ["list_tasks_tool"] },
    ]);
    expect(await signs()).toEqual(before);
  });

  it("test_progress_update_session_reset_on_new_task", async () => {
    const person = await personNamed("Photographer");
    await walk(person);
    await person.press(tiles);
    expect((await person.sendPhoto(Buffer.alloc(2_000, 1), "")).text).toContain("1 photo,");
    expect((await person.say("the joints are missing")).text).toContain("1 comment");
    expect((await person.press("in progress")).text).toContain("in progress");
    expect(await reportOf(person)).toEqual([
      { images: 1, comments: 1, status: "in progress", task: "champigny-3" },
    ]);
    await person.press("View Sites");
    await person.press("Champigny");
    await person.press(stairwell);
    expect(await reportOf(person)).toEqual([
      { images: 0, comments: 0, status: null, task: "champigny-4" },
    ]);
  });

  it("test_no_orphaned_sessions_after_error", async () => {
    const people = await Promise.all(["Un", "Deux", "Trois"].map(personNamed));
    const said = Promise.all(people.map((person) => sayAtOnce(person, "Bonjour", "Sites")));
    const next = running.nextNode();
    running.killNode();
    await Promise.all([next, said]);
    for (const person of people) {
      expect(await sessionsOf(person)).toMatchObject([{ status: "active", turns: 2 }]);
    }
    const [orphans] = await database.query<{ n: number }>(
      `select count(*)::int as n from conversation_sessions s
       where turns <> (select count(*) from turns where session_id = s.id) or turns = 0`,
    );
    expect(orphans).toEqual({ n: 0 });
  });

  it("test_metrics_summary_format", async () => {
    const text = await (await fetch(new URL("/metrics", running.run().metrics))).text();
    const types = Object.fromEntries(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
    );
    expect(types).toMatchObject({
      holdfast_session_decisions_total: "counter",
      holdfast_conversation_signs_total: "counter",
      holdfast_direct_actions_total: "counter",
      holdfast_duplicate_open_sessions: "gauge",
      holdfast_session_lookup_seconds: "histogram",
      holdfast_turn_seconds: "histogram",
      holdfast_replies_total: "counter",
    });
    expect(text).toMatch(/^holdfast_duplicate_open_sessions 0$/m);
  });
});

describe("the walk of the old bot's deployment", () => {
  it("goes from Bonjour to the tasks of Champigny, and on to a report with photos, in two languages (V6, V14, V16)", async () => {
    const person = await personNamed("Chantier");
    const labels = await walk(person);
    expect(labels).toContain(tiles);
    await person.press(tiles);
    expect((await person.sendPhoto(Buffer.alloc(3_000, 2), "the corner")).text).toBe(
      "Noted: 1 photo, 1 comment.",
    );
    await person.press("done");
    expect((await person.press("Send the report")).text).toMatch(
      /^Thank you. Your report is kept: 1 photo, 1 comment, done\./,
    );
    const photos = await database.query<{ media: unknown }>(
      `select t.media from turns t join conversation_sessions s on s.id = t.session_id
       where s.chat_user = $1 and t.media is not null`,
      [person.id],
    );
    expect(photos).toMatchObject([{ media: [{ type: "photo", size: 3_000 }] }]);
    await person.say("Hello");
    expect((await person.press("Français")).text).toMatch(/^Bonjour ! Je suis/);
    expect((await person.press("Voir les chantiers")).text).toContain("Voici vos chantiers");
    expect((await person.say("Parler à une personne")).text).toContain("Une personne");
    expect(await sessionsOf(person)).toMatchObject([{ status: "escalated" }]);
  });

  it("is the same by the channel that the old bot spoke, after a kill of the node too (V15)", async () => {
    const from = "whatsapp:+33612345678";
    let messages = 0;
    /** A post of the old bot's provider. */
    async function post(change: Readonly<Record<string, string>>): Promise<WebhookReply> {
      messages += 1;
      const wanted = taken.length + 1;
      const fields = {
        Body: "",
        From: from,
        MessageSid: `SM${String(messages).padStart(32, "0")}`,
        NumMedia: "0",
        ...change,
      };
      const signed = Object.entries(fields)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => name + value)
        .join("");
      const signature = createHmac("sha1", secret)
        .update(publicUrl + signed)
        .digest("base64");
      await expect
        .poll(() => answerOf(fields, signature), { timeout: 20_000, interval: 200 })
        .toBe(200);
      await expect.poll(() => taken.length, { timeout: 20_000 }).toBe(wanted);
      return taken.at(-1)!;
    }
    /** A provider posts again what was not taken. */
    async function answerOf(fields: Record<string, string>, signature: string): Promise<number> {
      const log = await readFile(join(home, "logs", "gate.log"), "utf8");
      const [, address] = [...log.matchAll(/"webhook":"([^"]+)"/g)].at(-1) ?? [];
      const answer = fetch(address!, {
        method: "POST",
        headers: { "x-twilio-signature": signature },
        body: new URLSearchParams(fields),
      });
      return answer.then(
        ({ status }) => status,
        () => 0,
      );
    }
    const choice = ({ choices }: WebhookReply, label: string) => ({
      ButtonPayload: choices.find((one) => one.label === label)!.data,
    });
    const greeting = await post({ Body: "Bonjour" });
    const sites = await post(choice(greeting, "View Sites"));
    const next = running.nextNode();
    running.killNode();
    await next;
    const tasks = await post(choice(sites, "Champigny"));
    expect(tasks.text).toMatch(/^Tasks of Champigny:/);
    await post(choice(tasks, tiles));
    const photo = {
      NumMedia: "1",
      MediaUrl0: "https://a.example/1",
      MediaContentType0: "image/jpeg",
    };
    expect((await post(photo)).text).toMatch(/^Noted: 1 photo, 0 comments\./);
    expect(await sessionsOf({ id: from })).toMatchObject([{ status: "active", turns: 5 }]);
    expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
  });
});
