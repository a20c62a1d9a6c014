import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createConversationRecords } from "../../../src/adapters/postgres/conversation-records.ts";
import { sessionRules } from "../../../src/node/rules.ts";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import {
  backlogRows,
  backlogStore,
  keepIn,
  makeBehindEngine,
} from "../../fixtures/backlog-bench.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { away, echo, textOf } from "../../fixtures/test-bots.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

// Forty turns of one user follow each other, and other programs may run beside.
vi.setConfig({ testTimeout: 60_000 });
const poll = <Value>(read: () => Value | Promise<Value>) =>
  expect.poll(read, { timeout: 20_000, interval: 10 });

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
const letGoAll: (() => void)[] = [];
afterEach(async () => {
  for (const letGo of letGoAll.splice(0)) letGo();
  await bench.close();
});

const textsOf = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => `message ${from + n}`);

/** Answers with what was said; whoever is slow waits until they are let go. */
function slowFor(...users: readonly string[]) {
  const held = deferred();
  letGoAll.push(() => held.resolve());
  const bot: Bot = {
    name: "slow for some",
    async handle(turn) {
      const text = textOf(turn.input);
      if (users.some((user) => text.startsWith(`${user}:`))) await held.promise;
      turn.reply(text);
    },
  };
  return { bot, letGo: () => held.resolve() };
}

const slowTexts = (user: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${user}: ${n}`);

describe("a user who is behind", () => {
  it("has few items in memory, the rest waits in Postgres, and the stream is free for others", async () => {
    const { bot, letGo } = slowFor("1");
    const { engine, backlog } = await makeBehindEngine(bench, bot, {
      turns: { limits: { inFlightMax: 16 } },
    });
    await engine.start();
    const texts = slowTexts("1", 40);
    for (const text of texts) await bench.stream.append([textFrom("1", text)]);
    await bench.stream.append([textFrom("2", "hello")]);
    await poll(() => bench.repliesTo("2")).toEqual(["hello"]);
    // What is in memory stands there too: the next owner reads rows first.
    await poll(() => backlog.items).toBe(40);
    expect([engine.running, engine.waiting]).toEqual([1, 7]);
    expect((await backlogRows(bench)).map(({ text }) => text)).toEqual(texts);
    const records = createConversationRecords(bench.database, sessionRules);
    expect(await records.behind({ accounts: ["site-bot"], limit: 9 })).toMatchObject([
      { account: "site-bot", chatUser: "1", waiting: 40 },
    ]);
    expect(await records.behind({ accounts: ["another"], limit: 9 })).toEqual([]);

    letGo();
    await bench.stream.append([textFrom("1", "1: the last")]);
    await poll(() => bench.repliesTo("1")).toEqual([...texts, "1: the last"]);
    await poll(() => backlogRows(bench)).toEqual([]);
    expect(backlog.items).toBe(0);
    await bench.stream.append([textFrom("1", "and on")]);
    await poll(async () => (await bench.repliesTo("1")).at(-1)).toBe("and on");
    await engine.stop();
  });

  it("has many items moved by few statements, and others have no statement of theirs", async () => {
    const { bot, letGo } = slowFor("1");
    const { engine, backlog } = await makeBehindEngine(bench, bot);
    await engine.start();
    bench.statements.length = 0;
    await bench.stream.append([textFrom("2", "hello")]);
    await bench.stream.emptied();
    expect(bench.statements).toHaveLength(2);
    await bench.stream.append(slowTexts("1", 400).map((text) => textFrom("1", text)));
    await poll(() => backlog.items).toBe(400);
    // The load of the slow turn, and one statement for all rows that came together.
    expect(bench.statements).toHaveLength(4);
    letGo();
    await poll(() => backlogRows(bench)).toEqual([]);
    await engine.stop();
  });

  it("is known to the next owner before it consumes, so that nothing newer overtakes (I4)", async () => {
    const { bot, letGo } = slowFor("1");
    const first = await makeBehindEngine(bench, bot);
    await first.engine.start();
    const texts = slowTexts("1", 20);
    await bench.stream.append(texts.map((text) => textFrom("1", text)));
    await poll(() => first.backlog.items).toBe(20);
    const stopped = first.engine.stop();
    letGo();
    await stopped;
    expect(await bench.repliesTo("1")).toEqual(texts.slice(0, 1));

    const second = await makeBehindEngine(bench, echo);
    await bench.stream.append([textFrom("1", "1: newer")]);
    await second.engine.start();
    await poll(() => bench.repliesTo("1")).toEqual([...texts, "1: newer"]);
    await poll(() => backlogRows(bench)).toEqual([]);
    await second.engine.stop();
  });

  it("loses no order when the next owner reads rows before the stream gives it anything (I4)", async () => {
    const { bot, letGo } = slowFor("1");
    const first = await makeBehindEngine(bench, bot);
    await first.engine.start();
    const texts = slowTexts("1", 20);
    await bench.stream.append(texts.map((text) => textFrom("1", text)));
    await poll(() => first.backlog.items).toBeGreaterThanOrEqual(12);
    bench.stream.crash();

    const begun = deferred();
    const second = await makeBehindEngine(bench, echo, {
      stream: {
        async consume(options) {
          await begun.promise;
          return bench.stream.consume(options);
        },
      },
      turns: { onTurn: () => begun.resolve() },
    });
    await second.engine.start();
    await poll(async () => (await bench.repliesTo("1")).length).toBe(20);
    expect(await bench.repliesTo("1")).toEqual(texts);
    await poll(() => backlogRows(bench)).toEqual([]);
    letGo();
    await Promise.all([first.engine.stop(), second.engine.stop()]);
  });

  it("has the newest items parked with their reason when the backlog of one user is full", async () => {
    const { bot, letGo } = slowFor("1");
    const limits = { heldPerUserMax: 2, rowsPerUserMax: 3 };
    const { engine } = await makeBehindEngine(bench, bot, { limits });
    await engine.start();
    const texts = slowTexts("1", 6);
    await bench.stream.append(texts.map((text) => textFrom("1", text)));
    await poll(() => bench.stream.parked.map(({ item, reason }) => [item.text, reason])).toEqual([
      ["1: 5", "BACKLOG_FULL: 3 messages of this user wait already"],
    ]);
    letGo();
    await poll(() => bench.repliesTo("1")).toEqual(texts.slice(0, 5));
    await engine.stop();
  });

  it("keeps its order while its rows cannot be written, and nothing is lost", async () => {
    const { bot, letGo } = slowFor("1");
    const store = backlogStore(bench);
    let failures = 3;
    const { engine, backlog } = await makeBehindEngine(bench, bot, {
      limits: { retryDelayMs: 1 },
      store: {
        ...store,
        async add(...args) {
          failures -= 1;
          // The last failure takes effect all the same.
          if (failures === 0) await store.add(...args);
          return failures >= 0 ? Promise.reject(away()) : store.add(...args);
        },
      },
    });
    await engine.start();
    const texts = slowTexts("1", 30);
    await bench.stream.append(texts.map((text) => textFrom("1", text)));
    await poll(() => backlog.items).toBe(30);
    expect(bench.notes).toEqual(["BACKLOG_UNREACHED"]);
    letGo();
    await poll(() => bench.repliesTo("1")).toEqual(texts);
    await poll(() => backlogRows(bench)).toEqual([]);
    await engine.stop();
  });

  it("gets no row from an owner that is stale (I6)", async () => {
    const store = backlogStore(bench);
    const stale = await bench.conversations.claimPartition(0, "before");
    const current = await bench.conversations.claimPartition(0, "bench");
    const row = {
      channel: "telegram",
      account: "site-bot",
      chatUser: "1",
      position: 1,
      inboundId: "m:1",
      text: "{}",
    };
    expect(await store.add(stale, [row])).toBe(false);
    expect(await backlogRows(bench)).toEqual([]);
    expect(await store.add(current, [row, row])).toBe(true);
    expect(await backlogRows(bench)).toHaveLength(1);
  });
});

describe("many users with slow turns", () => {
  it("do not fill the stream's window: what is old becomes rows while its turn runs on", async () => {
    const users = Array.from({ length: 12 }, (_, n) => String(100 + n));
    const { bot, letGo } = slowFor(...users);
    const clock = createTestClock();
    const { engine, backlog } = await makeBehindEngine(bench, bot, {
      clock,
      limits: { windowMax: 6, oldMs: 500 },
      turns: { limits: { inFlightMax: 12 } },
    });
    await engine.start();
    for (const user of users) await bench.stream.append([textFrom(user, `${user}: slow`)]);
    await bench.stream.append([textFrom("2", "hello")]);
    expect(engine.running).toBe(12);
    clock.advance(500);
    await poll(() => bench.repliesTo("2")).toEqual(["hello"]);
    expect(backlog.items).toBe(12);
    letGo();
    for (const user of users) {
      await poll(() => bench.repliesTo(user)).toEqual([`${user}: slow`]);
    }
    await poll(() => backlogRows(bench)).toEqual([]);
    expect(bench.turnEndings).toEqual(users.concat("2").map(() => "committed"));
    await engine.stop();
  });
});

/** Handlers rest for a minute at first. */
const patient = { handlerRestMs: 60_000, handlerRestMsMax: 60_000, handlerRetryMsMax: 900_000 };

describe("many users whose turns rest", () => {
  it("do not fill the stream's window either", async () => {
    const users = Array.from({ length: 12 }, (_, n) => String(100 + n));
    const clock = createTestClock();
    const bot: Bot = {
      name: "away for some",
      handle(turn) {
        const text = textOf(turn.input);
        if (text !== "hello") throw away();
        turn.reply(text);
      },
    };
    const { engine, backlog } = await makeBehindEngine(bench, bot, {
      clock,
      limits: { windowMax: 6, oldMs: 500 },
      turns: { limits: { inFlightMax: 12, usersMax: 4, ...patient } },
    });
    await engine.start();
    for (const user of users) await bench.stream.append([textFrom(user, "not now")]);
    await bench.stream.append([textFrom("2", "hello")]);
    await poll(() => engine.running).toBe(0);
    clock.advance(500);
    await poll(() => bench.repliesTo("2")).toEqual(["hello"]);
    expect(backlog.items).toBe(12);
    await engine.stop();
  });
});

describe("a message that cannot be parked now", () => {
  it("is kept until it can, and holds nobody else up", async () => {
    let isFull = true;
    const clock = createTestClock();
    const keep = keepIn(bench);
    const { bot, letGo } = slowFor("1");
    const { engine } = await makeBehindEngine(bench, bot, {
      clock,
      keep: (found) => (isFull ? Promise.reject(away()) : keep(found)),
      limits: { heldPerUserMax: 1, rowsPerUserMax: 1 },
    });
    await engine.start();
    await bench.stream.append(["a", "b", "c"].map((text) => textFrom("1", `1: slow ${text}`)));
    await bench.stream.append([textFrom("2", "hello")]);
    await poll(() => bench.repliesTo("2")).toEqual(["hello"]);
    await poll(() => bench.notes).toContain("PARKING_DELAYED");
    clock.advance(60_000);
    expect(bench.stream.parked).toEqual([]);
    isFull = false;
    await poll(() => {
      clock.advance(30_000);
      return bench.stream.parked.map(({ item, reason }) => [item.text, reason]);
    }).toEqual([["1: slow c", "BACKLOG_FULL: 1 messages of this user wait already"]]);
    expect(bench.notes.filter((code) => code === "PARKING_DELAYED")).toHaveLength(1);
    letGo();
    await bench.stream.emptied();
    await engine.stop();
  });
});

it("a user's rows are read in order while many others are behind too", async () => {
  const users = Array.from({ length: 20 }, (_, n) => String(200 + n));
  const { engine, backlog } = await makeBehindEngine(bench, echo, {
    limits: { heldPerUserMax: 2, heldMax: 12 },
  });
  const texts = textsOf(0, 15);
  await bench.stream.append(texts.flatMap((text) => users.map((user) => textFrom(user, text))));
  await engine.start();
  for (const user of users) {
    await poll(() => bench.repliesTo(user)).toEqual(texts);
  }
  await poll(() => backlog.items).toBe(0);
  await engine.stop();
});
