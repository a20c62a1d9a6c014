import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import type { Bot } from "../../src/ports/bot.ts";
import type { ConversationStore } from "../../src/ports/conversation-store.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "./doubles/conversation-bench.ts";
import { deferred } from "./doubles/deferred.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
afterEach(() => bench.close());

const echo: Bot = { name: "echo", handle: (turn) => turn.reply(textOf(turn.input)) };

const textOf = (input: Parameters<Bot["handle"]>[0]["input"]): string =>
  input.kind === "text" ? input.text : input.kind;

const away = () =>
  new HoldfastError({
    code: "DATABASE_UNAVAILABLE",
    message: "The database does not answer.",
    policy: "retryable",
  });

/** Bodies that wait for one chat user, in the order in which they will be sent. */
async function repliesTo(chatUser: string): Promise<readonly string[]> {
  const rows = await bench.database.query<{ body: string }>(
    "select body from outbox where chat_user = $1 order by id",
    [chatUser],
  );
  return rows.map(({ body }) => body);
}

describe("order and effect (I4)", () => {
  test("one user's fifty messages are answered in order while thirty users talk", async () => {
    const users = Array.from({ length: 30 }, (_, index) => String(1000 + index));
    const texts = Array.from({ length: 50 }, (_, index) => `message ${index}`);
    const items = texts.flatMap((text, index) =>
      users.filter((user) => user === users[0] || index < 4).map((user) => textFrom(user, text)),
    );
    const engine = await bench.makeEngine(echo);
    await bench.stream.append(items);
    await engine.start();
    await bench.stream.emptied();
    expect(await repliesTo(users[0]!)).toEqual(texts);
    for (const user of users.slice(1)) expect(await repliesTo(user)).toEqual(texts.slice(0, 4));
    const sessions = await bench.database.query("select id from conversation_sessions");
    expect(sessions).toHaveLength(users.length);
    expect(bench.decisions.filter((code) => code !== "SESSION_REUSED")).toHaveLength(users.length);
  });

  test("a slow turn of one user delays nobody else", async () => {
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
    expect(await repliesTo("1")).toEqual(["slow", "next"]);
  });

  test("a message that is delivered twice takes effect once", async () => {
    const engine = await bench.makeEngine(echo);
    const item = textFrom("1", "once");
    await bench.stream.append([item, item, textFrom("1", "and on")]);
    await engine.start();
    await bench.stream.emptied();
    expect(await repliesTo("1")).toEqual(["once", "and on"]);
    expect(bench.turnEndings).toEqual(["committed", "duplicate", "committed"]);
  });

  test("a message delivered again while it waits or runs takes effect once", async () => {
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
    expect(await repliesTo("1")).toEqual(["first", "second"]);
  });

  test("each turn asks once for its session and commits once (I3)", async () => {
    const engine = await bench.makeEngine(echo);
    bench.statements.length = 0;
    await engine.start();
    await bench.stream.append(["a", "b", "c"].map((text) => textFrom("1", text)));
    await bench.stream.emptied();
    expect(bench.conversations.sessionLookups).toBe(3);
    expect(bench.statements).toHaveLength(6);
    expect(bench.decisions).toEqual([
      "SESSION_CREATED_FIRST_CONTACT",
      "SESSION_REUSED",
      "SESSION_REUSED",
    ]);
  });
});

describe("failures", () => {
  test("a commit that took effect although its answer was lost is not repeated (I5)", async () => {
    const commit = loseAnswerOnce(bench.conversations.commit);
    const engine = await bench.makeEngine(echo, { store: { ...bench.conversations, commit } });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello"), textFrom("1", "again")]);
    await bench.stream.emptied();
    expect(await repliesTo("1")).toEqual(["hello", "again"]);
    expect(bench.notes).toEqual(["DATABASE_UNAVAILABLE"]);
  });

  test("while the database is away nothing is lost and nothing overtakes", async () => {
    let failures = 5;
    const load: ConversationStore["load"] = (...args) => {
      failures -= 1;
      return failures > 0 ? Promise.reject(away()) : bench.conversations.load(...args);
    };
    const engine = await bench.makeEngine(echo, { store: { ...bench.conversations, load } });
    await engine.start();
    await bench.stream.append([textFrom("1", "first"), textFrom("1", "second")]);
    await bench.stream.emptied();
    expect(await repliesTo("1")).toEqual(["first", "second"]);
  });

  test("a session that another turn moved meanwhile is loaded again", async () => {
    let runs = 0;
    const bot: Bot = {
      name: "overtaken once",
      async handle(turn) {
        runs += 1;
        if (runs === 1) {
          await bench.database.query("update conversation_sessions set last_seq = last_seq + 2");
          await bench.database.query(
            `insert into messages (session_id, seq, role, body)
             select id, last_seq, 'bot', 'from elsewhere' from conversation_sessions`,
          );
        }
        turn.reply(`after ${turn.history.at(-1)?.body ?? "nothing"}`);
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(runs).toBe(2);
    expect(await repliesTo("1")).toEqual(["after from elsewhere"]);
  });

  test("an engine whose owner is stale commits nothing, says so and gives everything back (I6)", async () => {
    let stale = false;
    const old = await bench.makeEngine(echo, { onStaleOwner: () => (stale = true) });
    const current = await bench.makeEngine(echo);
    await old.start();
    await bench.stream.append([textFrom("1", "hello"), textFrom("2", "hello")]);
    await expect.poll(() => stale).toBe(true);
    await old.stop();
    expect(await repliesTo("1")).toEqual([]);
    expect(bench.notes).toEqual(["OWNER_STALE"]);
    await current.start();
    await bench.stream.emptied();
    expect(await repliesTo("1")).toEqual(["hello"]);
    expect(await repliesTo("2")).toEqual(["hello"]);
  });

  test("a handler that fails for now runs again, and nothing of the failed run is kept", async () => {
    let runs = 0;
    const bot: Bot = {
      name: "fails twice",
      handle(turn) {
        runs += 1;
        turn.reply(`run ${runs}`);
        if (runs < 3) throw away();
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(await repliesTo("1")).toEqual(["run 3"]);
  });

  test("a handler that keeps failing parks its message with the reason; the next one goes on", async () => {
    const bot: Bot = {
      name: "cannot read poison",
      handle(turn) {
        if (textOf(turn.input) === "poison") throw new Error("cannot read this");
        if (textOf(turn.input) === "flaky") throw away();
        turn.reply("fine");
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append(["poison", "flaky", "good"].map((text) => textFrom("1", text)));
    await bench.stream.emptied();
    expect(bench.stream.parked.map(({ reason }) => reason)).toEqual([
      "UNEXPECTED: cannot read this",
      "DATABASE_UNAVAILABLE: The database does not answer.",
    ]);
    expect(await repliesTo("1")).toEqual(["fine"]);
    expect(bench.turnEndings).toEqual(["parked", "parked", "committed"]);
  });

  test("a handler that never ends is given up, and what it does later is refused", async () => {
    const late = deferred<unknown>();
    const release = deferred();
    const bot: Bot = {
      name: "hangs",
      async handle(turn) {
        await release.promise;
        try {
          turn.reply("too late");
        } catch (error) {
          late.resolve(error);
        }
      },
    };
    const limits = { handlerMsMax: 5, handlerRunsMax: 1 };
    const engine = await bench.makeEngine(bot, { limits });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(bench.stream.parked[0]?.reason).toContain("BOT_TIMED_OUT");
    release.resolve();
    expect(await late.promise).toMatchObject({ code: "TURN_SEALED" });
    expect(await repliesTo("1")).toEqual([]);
  });

  test("a message for an account without a bot is parked", async () => {
    const engine = await bench.makeEngine(echo, { findBot: () => null });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(bench.stream.parked[0]?.reason).toContain("ACCOUNT_UNKNOWN");
  });

  test.each([
    ["empty", "  ", undefined, "its text is empty"],
    ["too long", "x".repeat(4097), undefined, "4097 UTF-16 units"],
    ["with a nameless choice", "x", [{ label: " ", action: "a" }], "a choice has no label"],
  ])("a reply that Telegram would refuse parks the turn: %s", async (_name, body, menu, reason) => {
    const engine = await bench.makeEngine({
      name: "careless",
      handle: (turn) => turn.reply(body, menu),
    });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(bench.stream.parked[0]?.reason).toContain(reason);
  });
});

describe("sessions", () => {
  test("an escalated session records what the user says and the bot does not run", async () => {
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

  test("a session that the bot ended stays as history and the next message opens another", async () => {
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
    expect(await repliesTo("1")).toEqual([
      "turn 0, state null",
      "turn 1, state 0",
      "turn 0, state null",
    ]);
    expect(bench.decisions.at(-1)).toBe("SESSION_CREATED_AFTER_END");
  });

  test("tool outputs of a turn can be read in later ones, each under its own number", async () => {
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
  test("the turn that began is finished, the rest is given back", async () => {
    const held = deferred();
    const bot: Bot = { name: "held", handle: (turn) => held.promise.then(() => echo.handle(turn)) };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "first"), textFrom("1", "second")]);
    const stopped = engine.stop();
    held.resolve();
    await stopped;
    expect(await repliesTo("1")).toEqual(["first"]);
    expect(bench.stream.done).toEqual([1]);
    const next = await bench.makeEngine(echo);
    await next.start();
    await bench.stream.emptied();
    expect(await repliesTo("1")).toEqual(["first", "second"]);
  });

  test("a turn that waits for the database is given back", async () => {
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

/** The first commit takes effect, and its answer is lost. */
function loseAnswerOnce(commit: ConversationStore["commit"]): ConversationStore["commit"] {
  let lost = false;
  return async (...args) => {
    const outcome = await commit(...args);
    if (lost) return outcome;
    lost = true;
    throw away();
  };
}
