import { mkdtempSync, readFileSync } from "node:fs";
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
import { HoldfastError } from "../../src/errors.ts";
import { createHotConversations } from "../../src/conversation/turns/session-cache.ts";
import { scrubLogs } from "../../src/embedded/log-scrub.ts";
import type { Turn } from "../../src/ports/conversation/bot.ts";
import type { InboundStream } from "../../src/ports/conversation/inbound-stream.ts";
import { partitionOf } from "../../src/ports/conversation/partitions.ts";
import type { Speaker } from "../../src/ports/speaker.ts";
import { wordPattern } from "../../src/ports/word-forms.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
} from "../fixtures/conversation-bench.ts";
import { type InboundBench, openInboundBench } from "../fixtures/inbound-bench.ts";
import {
  everything,
  finds,
  itemOf,
  ofOthers,
  person,
  plant,
  planted,
  type Traces,
  words,
} from "../fixtures/person-traces.ts";
import { textOf } from "../fixtures/test-bots.ts";

const rules = conversationRules(conversationMachine);
const operator: Speaker = { name: "op", role: "operate", key: "U1", accounts: "all" };

/** Everything of a test, as it is now. */
const traces = (): Traces => ({ bench, inbound, stream, logs });

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

const scrub = () => scrubLogs(logs, new RegExp(wordPattern(person)!), false);

describe("a person who is forgotten", () => {
  it("stands in no table, no stream and no log, where they stood in all of them before", async () => {
    await plant(traces());
    expect(await finds(traces())).toEqual(planted);
    expect(Object.keys(await search())).toEqual([
      "adopted_sessions",
      "bot_suspects",
      "conversation_sessions",
      "gap_readings",
      "outbox",
      "parked_turns",
      "progress_updates",
      "telegram_waits",
      "turn_backlog",
      "update_gaps",
      expect.stringMatching(/^INBOUND_/),
    ]);
    const others = await ofOthers(traces());
    expect(others).toHaveLength(5);
    const marks = () => bench.database.query("select count(*)::int as n from taken_messages");
    expect(await forget()).toMatchObject({ turns: 2, conversation_sessions: 1, outbox: 2 });
    expect(scrub()).toEqual({ "gate.log": 2 });
    expect(await finds(traces())).toEqual([]);
    expect(await search()).toEqual({});
    expect(await ofOthers(traces())).toEqual(others);
    expect((await everything(traces()))["streams"]!.toString()).toContain("a word of another");
    expect(readFileSync(join(logs, "gate.log"), "utf8")).toMatch(
      /^chat user \*{10} was answered\n\*{20}\n$/,
    );
    expect(new Set(told)).toEqual(new Set([`telegram ${account} ${person}`, `* * ${person}`]));
    // Two turns of the person and one of another; five messages that will have none; a session that is
    // gone; the person.
    expect(await marks()).toEqual([{ n: 10 }]);
    expect(await forget()).toEqual({});
  });

  it("is a stranger afterwards, and no message of before takes effect", async () => {
    await plant(traces());
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
    expect(await finds(traces())).toEqual(["log hex", "log raw"]);
    await bench.stream.append([itemOf(person, "good day", "m:30")]);
    await bench.stream.emptied();
    expect(heard.at(-1)).toBe("good day: SESSION_CREATED_FIRST_CONTACT, 0, {}");
  });

  it("has no further run of a message that took effect, after a new one, where no process has heard of it", async () => {
    const heard: string[] = [];
    const listener = {
      name: "listener",
      handle: (turn: Turn) => void heard.push(textOf(turn.input)),
    };
    const start = async () => {
      const store = createHotConversations(bench.conversations, createSystemClock(), rules);
      const engine = await bench.makeEngine(listener, { store });
      await engine.start();
      return engine;
    };
    const before = await start();
    await bench.stream.append([itemOf(person, "buy", "m:40")]);
    await bench.stream.emptied();
    await before.stop();
    await forget();
    const after = await start();
    for (const item of [itemOf(person, "good day", "m:41"), itemOf(person, "buy", "m:40")]) {
      await bench.stream.append([item]);
      await bench.stream.emptied();
    }
    await after.stop();
    expect(heard).toEqual(["buy", "good day"]);
    expect(bench.turnEndings).toEqual(["committed", "committed", "duplicate"]);
  });

  it("has no further run of a message that rests after a step, and its step goes", async () => {
    const store = createHotConversations(bench.conversations, createSystemClock(), rules);
    const made: string[] = [];
    let runs = 0;
    const engine = await bench.makeEngine(
      {
        name: "seller",
        async handle(turn) {
          if (textOf(turn.input) !== "buy") return;
          runs += 1;
          await turn.step("order", () => made.push(`an order of ${person}`));
          // No news of it comes here.
          if (runs === 1) await forget();
          throw new HoldfastError({ code: "X", message: "not yet", policy: "retryable" });
        },
      },
      { store, limits: { handlerRestMs: 1, handlerRestMsMax: 1, handlerRetryMsMax: 50 } },
    );
    await engine.start();
    const buys = itemOf(person, "buy", "m:41");
    await stream.append([buys]);
    await bench.stream.append([itemOf(person, "good day", "m:40"), buys]);
    await bench.stream.emptied();
    await engine.stop();
    expect([runs, made.length]).toEqual([1, 1]);
    expect(bench.turnEndings).toEqual(["committed", "duplicate"]);
    expect(await bench.database.query("select from turn_steps")).toHaveLength(0);
    expect(bench.stream.parked).toEqual([]);
  });

  it("has no further run of a message that was at work when the rest went, and no session of it", async () => {
    const store = createHotConversations(bench.conversations, createSystemClock(), rules);
    const made: string[] = [];
    const engine = await bench.makeEngine(
      {
        name: "seller",
        async handle(turn) {
          if (textOf(turn.input) !== "buy") return;
          const before = turn.history.length;
          await turn.step(`order ${before}`, () => made.push(`order ${before}`));
          // The message stands in no stream that is walked through, as one that comes behind the walk.
          await forget();
          turn.reply("bought");
        },
      },
      { store },
    );
    await engine.start();
    await bench.stream.append([
      itemOf(person, "good day", "m:40"),
      itemOf(person, "buy", "m:41"),
      itemOf(person, "buy", "m:41"),
    ]);
    await bench.stream.emptied();
    await engine.stop();
    expect(made).toEqual(["order 1"]);
    expect(bench.turnEndings).toEqual(["committed", "duplicate", "duplicate"]);
    expect(await bench.database.query("select from turn_steps")).toHaveLength(0);
    expect(await bench.database.query("select from conversation_sessions")).toHaveLength(0);
  });

  it("is counted first, and nothing is changed by that", async () => {
    await plant(traces());
    const before = await everything(traces());
    const { rows } = await verbsOver(bench.database).forget(
      { user: person, dryRun: true },
      operator,
    );
    expect(rows).toMatchObject({ turns: 2, conversation_sessions: 1, outbox: 2, turn_backlog: 1 });
    expect(scrubLogs(logs, new RegExp(wordPattern(person)!), true)).toEqual({ "gate.log": 2 });
    expect(await everything(traces())).toEqual(before);
  });

  it("is forgotten by one account alone where that is said, and never by accounts of others", async () => {
    await plant(traces());
    expect(await forget(bench.database, { account: "elsewhere" })).toEqual({});
    await expect(
      verbsOver(bench.database).forget(
        { user: person, account },
        { ...operator, accounts: ["elsewhere"] },
      ),
    ).rejects.toMatchObject({ code: "ACCOUNT_NOT_YOURS" });
    expect(await finds(traces())).toEqual(planted);
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
    await plant(traces());
    const { database, hasFailed } = failingAt(bench.database, at);
    await forget(database).catch(() => undefined);
    if (!hasFailed()) break;
    await forget();
    scrub();
    expect(await finds(traces()), `after a cut at statement ${at}`).toEqual([]);
    await bench.database.query(
      `truncate conversation_sessions, escalations, bot_suspects, turns, outbox, taken_messages, turn_steps, progress_updates, adopted_sessions,
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
