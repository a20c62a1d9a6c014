import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { createStreamWalk } from "../../src/adapters/nats/stream-walk.ts";
import { streamOf } from "../../src/adapters/nats/inbound-stream.ts";
import type { Database, Queries } from "../../src/adapters/postgres/database.ts";
import { createPersonErasure } from "../../src/adapters/postgres/person-erasure.ts";
import { createTextSearch } from "../../src/adapters/postgres/text-search.ts";
import { createForgetCommands } from "../../src/commands/forget-verbs.ts";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import { createHotConversations } from "../../src/conversation/turns/session-cache.ts";
import { scrubLogs } from "../../src/embedded/log-scrub.ts";
import type { Bot } from "../../src/ports/conversation/bot.ts";
import type { InboundItem, InboundStream } from "../../src/ports/conversation/inbound-stream.ts";
import { partitionOf } from "../../src/ports/conversation/partitions.ts";
import type { Speaker } from "../../src/ports/speaker.ts";
import { wordPattern } from "../../src/ports/word-forms.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../fixtures/conversation-bench.ts";
import { type InboundBench, openInboundBench } from "../fixtures/inbound-bench.ts";
import { findSecret } from "../fixtures/secret-search.ts";
import { textOf } from "../fixtures/test-bots.ts";

const person = "5000000077";
const other = "5000000078";
/** What nobody else says. */
const words = {
  said: "zebra-quartz-9917",
  waiting: "heron-basalt-4471",
  aside: "otter-marble-3318",
  streamed: "falcon-granite-8823",
  behind: "badger-schist-1265",
} as const;
const rules = conversationRules(conversationMachine);
const operator: Speaker = { name: "op", role: "operate", key: "U1", accounts: "all" };

/** Keeps what it hears wherever a bot may keep something. */
const hoarder: Bot = {
  name: "hoarder",
  async handle(turn) {
    const text = textOf(turn.input);
    await turn.step("lookup", () => ({ asked: text }));
    turn.record("echo", { text });
    turn.remember({ last: text });
    turn.beginProgress({ about: text });
    turn.setState({
      machineId: "hoarder",
      schemaVersion: 1,
      state: {
        hex: Buffer.from(text).toString("hex"),
        base64: Buffer.from(`: ${text}`).toString("base64"),
      },
    });
    turn.reply(`${text}, after ${turn.history.length}`);
  },
};

let bench: ConversationBench;
let inbound: InboundBench;
let stream: InboundStream;
let logs: string;
let told: string[];
beforeEach(async () => {
  bench = await openConversationBench("user");
  inbound = await openInboundBench();
  stream = (await inbound.open()).stream;
  logs = mkdtempSync(join(tmpdir(), "holdfast-forget-"));
  told = [];
});
afterEach(async () => {
  await inbound.close();
  await bench.close();
  await rm(logs, { recursive: true });
});

const verbsOver = (database: Database) =>
  createForgetCommands({
    erasure: createPersonErasure(database),
    search: createTextSearch(database),
    streams: createStreamWalk(inbound.nats, inbound.names),
    tellForgotten: (user, places) =>
      told.push(...places.map(({ channel, account: of }) => `${channel} ${of} ${user}`)),
  });

/** Part after part. Answers the sums. */
async function forget(database: Database = bench.database, asked: object = {}) {
  const verbs = verbsOver(database);
  const rows: Record<string, number> = {};
  for (let at: string | undefined; ; ) {
    const part = await verbs.forget({ user: person, at, ...asked }, operator);
    for (const [table, n] of Object.entries(part.rows)) rows[table] = (rows[table] ?? 0) + n;
    if (part.at === null) return rows;
    at = part.at;
  }
}

async function search(user = person) {
  const verbs = verbsOver(bench.database);
  const found: Record<string, number> = {};
  for (let at: string | undefined; ; ) {
    const part = await verbs["forget-search"]({ user, at }, operator);
    Object.assign(found, part.found);
    if (part.at === null) return found;
    at = part.at;
  }
}

/** Every row of every table, every message of every stream and every log, by its place. */
async function everything(): Promise<Record<string, Buffer>> {
  const places: Record<string, Buffer> = {};
  const tables = await bench.database.query<{ name: string }>(
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  );
  for (const { name } of tables) {
    const rows = await bench.database.query<{ row: string }>(
      `select t::text as row from ${name} t`,
    );
    places[name] = Buffer.from(rows.map(({ row }) => row).join("\n"));
  }
  const messages: string[] = [];
  await createStreamWalk(inbound.nats, inbound.names).walk(null, 10_000, async ({ text }) => {
    messages.push(text);
    return "leave";
  });
  places["streams"] = Buffer.from(messages.join("\n"));
  places["log"] = readFileSync(join(logs, "gate.log"));
  return places;
}

/** Each place and form in which something of the person stands. */
async function finds(): Promise<readonly string[]> {
  const places = await everything();
  const all = [person, ...Object.values(words)].flatMap((word) =>
    findSecret(Buffer.from(word), places),
  );
  return [...new Set(all.map(({ place, form }) => `${place} ${form}`))].toSorted();
}

const itemOf = (chatUser: string, text: string, inboundId: string): InboundItem => ({
  ...textFrom(chatUser, text),
  inboundId,
});

/** The person in every place that may hold one, and another person beside them. */
async function plant(): Promise<void> {
  const engine = await bench.makeEngine(hoarder);
  await engine.start();
  await bench.makeSender().start();
  await bench.stream.append([
    itemOf(person, `hello ${words.said}`, "m:1"),
    itemOf(other, "hello from another", "m:2"),
    itemOf(person, `again ${words.said}`, "m:3"),
  ]);
  await bench.stream.emptied();
  await bench.sent();
  await engine.stop();
  const behind = itemOf(person, words.behind, "m:4");
  const aside = itemOf(person, words.aside, "m:5");
  const row = (item: InboundItem) => [account, item.chatUser, item.inboundId, JSON.stringify(item)];
  for (const [text, values] of [
    [
      `insert into turn_backlog (partition, channel, account, chat_user, position, inbound_id, item)
       values (0, 'telegram', $1, $2, 7, $3, $4)`,
      row(behind),
    ],
    [
      `insert into parked_turns (channel, account, chat_user, inbound_id, item, code, reason)
       values ('telegram', $1, $2, $3, $4, 'A', 'a')`,
      row(aside),
    ],
    [
      "insert into parked_turns (data, code, reason) values ($1, 'ITEM_MALFORMED', 'a')",
      [`{"from":"${person}","text":"${words.aside}"}`],
    ],
    [
      `insert into turn_steps (channel, account, inbound_id, name, result)
       values ('telegram', $1, 'm:4', 'lookup', $2)`,
      [account, JSON.stringify(words.behind)],
    ],
    [
      "insert into adopted_sessions (channel, account, source_id, session_id) select 'telegram', $1, $2, id from conversation_sessions where chat_user = $3",
      [account, `old-${person}`, person],
    ],
    [
      "insert into telegram_waits (account, method, chat, code, until) values ($1, 'messages.sendMessage', $2, 'FLOOD_WAIT', now())",
      [account, person],
    ],
    [
      `insert into gap_readings (account, from_pts, to_pts, since_date, unread, recovered, missing)
       values ($1, 1, 2, 3, $2, 0, array[$3])`,
      [
        account,
        JSON.stringify([
          { userId: person, accessHash: "1" },
          { userId: other, accessHash: "2" },
        ]),
        `the chat with ${person}`,
      ],
    ],
    [
      "insert into update_gaps (account, from_pts, to_pts, recovered, missing) values ($1, 1, 2, 0, array[$2])",
      [account, `the chat with ${person} is gone`],
    ],
  ] as const)
    await bench.database.query(text, values);
  await stream.append([itemOf(person, words.streamed, "m:6")]);
  await stream.append([itemOf(person, "with others", "m:7"), itemOf(person, words.waiting, "m:8")]);
  await stream.append([itemOf(other, "a word of another", "m:9")]);
  writeFileSync(
    join(logs, "gate.log"),
    `chat user ${person} was answered\n${Buffer.from(person).toString("hex")}\n`,
  );
}

const planted = [
  "adopted_sessions raw",
  "conversation_sessions base64",
  "conversation_sessions hex",
  "conversation_sessions raw",
  "gap_readings raw",
  "log hex",
  "log raw",
  "outbox raw",
  "parked_turns raw",
  "progress_updates raw",
  "streams raw",
  "telegram_waits raw",
  "turn_backlog raw",
  "turn_steps raw",
  "turns_before raw",
  "update_gaps raw",
];

const ofOthers = async () => {
  const rows = await bench.database.query<{ row: string }>(
    `select 's ' || s::text as row from conversation_sessions s where chat_user = $1
     union all select 't ' || t::text from turns t where inbound_id = 'm:2'
     union all select 'o ' || o::text from outbox o where chat_user = $1
     union all select 'p ' || p::text from progress_updates p where chat_user = $1
     union all select 'k ' || k::text from turn_steps k where inbound_id = 'm:2' order by 1`,
    [other],
  );
  return rows.map(({ row }) => row);
};

const scrub = () => scrubLogs(logs, new RegExp(wordPattern(person)!), false);

describe("a person who is forgotten", () => {
  it("stands in no table, no stream and no log, where they stood in all of them before", async () => {
    await plant();
    expect(await finds()).toEqual(planted);
    expect(Object.keys(await search()).toSorted()).toEqual(
      [
        "adopted_sessions",
        "conversation_sessions",
        "gap_readings",
        "outbox",
        "parked_turns",
        "progress_updates",
        expect.stringMatching(/^INBOUND_/),
        "telegram_waits",
        "turn_backlog",
        "update_gaps",
      ].toSorted(),
    );
    const others = await ofOthers();
    expect(others).toHaveLength(5);
    const marks = () => bench.database.query("select count(*)::int as n from taken_messages");
    expect(await forget()).toMatchObject({ turns: 2, conversation_sessions: 1, outbox: 2 });
    expect(scrub()).toEqual({ "gate.log": 2 });
    expect(await finds()).toEqual([]);
    expect(await search()).toEqual({});
    expect(await ofOthers()).toEqual(others);
    expect((await everything())["streams"]!.toString()).toContain("a word of another");
    expect(readFileSync(join(logs, "gate.log"), "utf8")).toMatch(
      /^chat user \*{10} was answered\n\*{20}\n$/,
    );
    expect(new Set(told)).toEqual(new Set([`telegram ${account} ${person}`]));
    // Two turns of the person and one of another; five messages that will have none.
    expect(await marks()).toEqual([{ n: 8 }]);
    expect(await forget()).toEqual({});
  });

  it("is a stranger afterwards, and no message of before takes effect", async () => {
    await plant();
    const store = createHotConversations(bench.conversations, createSystemClock(), rules);
    const heard: string[] = [];
    const engine = await bench.makeEngine(
      {
        name: "listener",
        handle(turn) {
          const { decision } = turn.session;
          heard.push(
            `${textOf(turn.input)}: ${decision}, ${turn.history.length}, ${JSON.stringify(turn.context)}`,
          );
        },
      },
      { store },
    );
    await engine.start();
    // It is remembered in memory, too.
    await bench.stream.append([itemOf(person, "last words", "m:20")]);
    await bench.stream.emptied();
    await forget();
    bench.turnEndings.length = 0;
    await bench.stream.append(
      ["m:1", "m:3", "m:4", "m:5", "m:6", "m:7", "m:8", "m:20"].map((id) =>
        itemOf(person, words.said, id),
      ),
    );
    await bench.stream.emptied();
    expect(bench.turnEndings).toEqual(Array.from({ length: 8 }, () => "duplicate"));
    expect(await finds()).toEqual(["log hex", "log raw"]);
    await bench.stream.append([itemOf(person, "good day", "m:30")]);
    await bench.stream.emptied();
    expect(heard.at(-1)).toBe("good day: SESSION_CREATED_FIRST_CONTACT, 0, {}");
  });

  it("is counted first, and nothing is changed by that", async () => {
    await plant();
    const before = await everything();
    const { rows } = await verbsOver(bench.database).forget(
      { user: person, dryRun: true },
      operator,
    );
    expect(rows).toMatchObject({ turns: 2, conversation_sessions: 1, outbox: 2, turn_backlog: 1 });
    expect(scrubLogs(logs, new RegExp(wordPattern(person)!), true)).toEqual({ "gate.log": 2 });
    expect(await everything()).toEqual(before);
  });

  it("is forgotten by one account alone where that is said, and never by accounts of others", async () => {
    await plant();
    expect(await forget(bench.database, { account: "elsewhere" })).toEqual({});
    await expect(
      verbsOver(bench.database).forget(
        { user: person, account },
        { ...operator, accounts: ["elsewhere"] },
      ),
    ).rejects.toMatchObject({ code: "ACCOUNT_NOT_YOURS" });
    expect(await finds()).toEqual(planted);
  });
});

it("a message that others' items came in, too, stays for their turns, and is found until then", async () => {
  const mate = Array.from({ length: 99 }, (_, n) => String(6_000_000_000 + n)).find(
    (user) => partitionOf(itemOf(user, "", "")) === partitionOf(itemOf(person, "", "")),
  )!;
  await stream.append([itemOf(person, words.streamed, "m:6"), itemOf(mate, "mine", "m:7")]);
  const found = { [streamOf(inbound.names, partitionOf(itemOf(mate, "", "")))]: 1 };
  expect(await forget()).toEqual(found);
  expect(await search()).toEqual(found);
  const heard: string[] = [];
  const stop = await stream.consume({
    inFlightMax: 10,
    onDelivery(delivery) {
      heard.push(delivery.item.text);
      delivery.done();
    },
  });
  await expect.poll(() => heard).toEqual([words.streamed, "mine"]);
  await stop();
  await expect.poll(() => search()).toEqual({});
});

it("a cut at any statement leaves what the next run finishes", { timeout: 120_000 }, async () => {
  for (let at = 1; ; at += 1) {
    await plant();
    const { database, hasFailed } = failingAt(bench.database, at);
    await forget(database).catch(() => undefined);
    if (!hasFailed()) break;
    await forget();
    scrub();
    expect(await finds(), `after a cut at statement ${at}`).toEqual([]);
    await bench.database.query(
      `truncate conversation_sessions, turns, outbox, taken_messages, turn_steps, progress_updates, adopted_sessions,
         gap_readings, update_gaps`,
    );
    // A stream takes no message twice within two minutes.
    await inbound.close();
    inbound = await openInboundBench();
    stream = (await inbound.open()).stream;
  }
});

/** Fails once, at that statement of all. */
function failingAt(database: Database, at: number) {
  let statements = 0;
  let failed = false;
  const over = (queries: Queries): Queries => ({
    query(...asked) {
      statements += 1;
      if (statements !== at) return queries.query(...asked);
      failed = true;
      return Promise.reject(new Error("cut"));
    },
  });
  return {
    hasFailed: () => failed,
    database: {
      ...database,
      ...over(database),
      transaction: <Result>(work: (queries: Queries) => Promise<Result>) =>
        database.transaction((queries) => work(over(queries))),
    } satisfies Database,
  };
}
