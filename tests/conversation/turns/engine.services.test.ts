import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { isLookup } from "../../fixtures/statements.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { away, echo, textOf } from "../../fixtures/test-bots.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
afterEach(() => bench.close());

describe("order and effect (I4)", () => {
  it("one user's fifty messages are answered in order while thirty users talk", async () => {
    const users = Array.from({ length: 30 }, (_, index) => String(1000 + index));
    const texts = Array.from({ length: 50 }, (_, index) => `message ${index}`);
    const items = texts.flatMap((text, index) =>
      users.filter((user) => user === users[0] || index < 4).map((user) => textFrom(user, text)),
    );
    const engine = await bench.makeEngine(echo);
    await bench.stream.append(items);
    await engine.start();
    await bench.stream.emptied();
    expect(await bench.repliesTo(users[0]!)).toEqual(texts);
    for (const user of users.slice(1))
      expect(await bench.repliesTo(user)).toEqual(texts.slice(0, 4));
    const sessions = await bench.database.query("select id from conversation_sessions");
    expect(sessions).toHaveLength(users.length);
    expect(bench.decisions.filter((code) => code !== "SESSION_REUSED")).toHaveLength(users.length);
  });

  it("a slow turn of one user delays nobody else", async () => {
    const slow = deferred();
    const bot: Bot = {
      name: "slow for one",
      async handle(turn) {
        if (textOf(turn.input) === "slow") await slow.promise;
        turn.reply(textOf(turn.input));
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([
      textFrom("1", "slow"),
      textFrom("1", "next"),
      textFrom("2", "quick"),
    ]);
    await expect.poll(() => bench.stream.done).toEqual([3]);
    expect([engine.running, engine.waiting]).toEqual([1, 1]);
    slow.resolve();
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual(["slow", "next"]);
  });

  it("a message that is delivered twice takes effect once", async () => {
    const engine = await bench.makeEngine(echo);
    const item = textFrom("1", "once");
    await bench.stream.append([item, item, textFrom("1", "and on")]);
    await engine.start();
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual(["once", "and on"]);
    expect(bench.turnEndings).toEqual(["committed", "duplicate", "committed"]);
  });

  it("a message delivered again while it waits or runs takes effect once", async () => {
    const held = deferred();
    const bot: Bot = { name: "held", handle: (turn) => held.promise.then(() => echo.handle(turn)) };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "first"), textFrom("1", "second")]);
    bench.stream.redeliver(2);
    bench.stream.redeliver(1);
    expect([engine.running, engine.waiting]).toEqual([1, 2]);
    held.resolve();
    await bench.stream.emptied();
    await expect.poll(() => engine.running + engine.waiting).toBe(0);
    expect(await bench.repliesTo("1")).toEqual(["first", "second"]);
  });

  it("each turn asks once for its session and commits once (I3)", async () => {
    const engine = await bench.makeEngine(echo);
    await engine.start();
    bench.statements.length = 0;
    await bench.stream.append(["a", "b", "c"].map((text) => textFrom("1", text)));
    await bench.stream.emptied();
    expect(bench.statements.filter(isLookup)).toHaveLength(3);
    expect(bench.statements).toHaveLength(6);
    expect(bench.decisions).toEqual([
      "SESSION_CREATED_FIRST_CONTACT",
      "SESSION_REUSED",
      "SESSION_REUSED",
    ]);
  });
});

describe("sessions", () => {
  it("an escalated session records what the user says and the bot does not run", async () => {
    let runs = 0;
    const bot: Bot = {
      name: "escalates",
      handle(turn) {
        runs += 1;
        turn.reply("A person will answer.");
        turn.escalate();
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "help"), textFrom("1", "are you there?")]);
    await bench.stream.emptied();
    expect(runs).toBe(1);
    expect(bench.decisions).toEqual(["SESSION_CREATED_FIRST_CONTACT", "SESSION_WITH_HUMAN"]);
    const said = await bench.database.query<{ body: string }>(
      "select body from messages order by seq",
    );
    expect(said.map(({ body }) => body)).toEqual([
      "help",
      "A person will answer.",
      "are you there?",
    ]);
  });

  it("a session that the bot ended stays as history and the next message opens another", async () => {
    const bot: Bot = {
      name: "ends",
      handle(turn) {
        turn.reply(
          `turn ${turn.session.turns}, state ${JSON.stringify(turn.state?.state ?? null)}`,
        );
        turn.setState({ machineId: "m", schemaVersion: 1, state: turn.session.turns });
        if (textOf(turn.input) === "bye") turn.end();
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append(["hi", "bye", "hi"].map((text) => textFrom("1", text)));
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual([
      "turn 0, state null",
      "turn 1, state 0",
      "turn 0, state null",
    ]);
    expect(bench.decisions.at(-1)).toBe("SESSION_CREATED_AFTER_END");
  });

  it("tool outputs of a turn can be read in later ones, each under its own number", async () => {
    const numbers: number[] = [];
    const seen: unknown[] = [];
    const bot: Bot = {
      name: "records",
      handle(turn) {
        seen.push(...turn.toolOutputs);
        numbers.push(turn.record("count", turn.session.turns), turn.record("count", "more"));
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append(["a", "b"].map((text) => textFrom("1", text)));
    await bench.stream.emptied();
    expect(new Set(numbers).size).toBe(4);
    expect(seen).toEqual([
      { seq: numbers[0], name: "count", output: 0 },
      { seq: numbers[1], name: "count", output: "more" },
    ]);
  });
});

describe("stopping", () => {
  it("the turn that began is finished, the rest is given back", async () => {
    const held = deferred();
    const bot: Bot = { name: "held", handle: (turn) => held.promise.then(() => echo.handle(turn)) };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "first"), textFrom("1", "second")]);
    const stopped = engine.stop();
    held.resolve();
    await stopped;
    expect(await bench.repliesTo("1")).toEqual(["first"]);
    expect(bench.stream.done).toEqual([1]);
    const next = await bench.makeEngine(echo);
    await next.start();
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual(["first", "second"]);
  });

  it("a turn that waits for the database is given back", async () => {
    const load = () => Promise.reject(away());
    const engine = await bench.makeEngine(echo, {
      store: { ...bench.conversations, load },
      limits: { retryDelayMs: 60_000, retryDelayMsMax: 60_000 },
    });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await expect.poll(() => bench.notes).toEqual(["DATABASE_UNAVAILABLE"]);
    await engine.stop();
    expect(bench.turnEndings).toEqual(["given-back"]);
  });
});
