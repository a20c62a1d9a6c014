import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import type { ConversationStore } from "../../../src/ports/conversation/conversation-store.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { partitionOf } from "../../../src/ports/conversation/partitions.ts";
import { away, echo, textOf } from "../../fixtures/test-bots.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
afterEach(() => bench.close());

describe("failures", () => {
  it("a commit that took effect although its answer was lost is not repeated (I5)", async () => {
    const commit = loseAnswerOnce(bench.conversations.commit);
    const engine = await bench.makeEngine(echo, { store: { ...bench.conversations, commit } });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello"), textFrom("1", "again")]);
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual(["hello", "again"]);
    expect(bench.notes).toEqual(["DATABASE_UNAVAILABLE", "DATABASE_BACK"]);
  });

  it("while the database is away nothing is lost and nothing overtakes", async () => {
    let failures = 5;
    const load: ConversationStore["load"] = (...args) => {
      failures -= 1;
      return failures > 0 ? Promise.reject(away()) : bench.conversations.load(...args);
    };
    const engine = await bench.makeEngine(echo, { store: { ...bench.conversations, load } });
    await engine.start();
    await bench.stream.append([textFrom("1", "first"), textFrom("1", "second")]);
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual(["first", "second"]);
  });

  it("a session that another turn moved meanwhile is loaded again, unseen by the user (V9)", async () => {
    let runs = 0;
    const bot: Bot = {
      name: "overtaken once",
      async handle(turn) {
        runs += 1;
        if (runs === 1) {
          await bench.database.query("update conversation_sessions set last_seq = last_seq + 2");
          await bench.database.query(
            `insert into turns (session_id, seq, channel, account, inbound_id, asked, replies)
             select id, last_seq - 1, channel, account, 'elsewhere', 'x', '[{"body":"from elsewhere","menu":null}]'
             from conversation_sessions`,
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
    expect(await bench.repliesTo("1")).toEqual(["after from elsewhere"]);
  });

  it("an engine whose owner is stale commits nothing, says so and gives everything back (I6)", async () => {
    let stale = false;
    const old = await bench.makeEngine(echo, { onStaleOwner: () => (stale = true) });
    const current = await bench.makeEngine(echo);
    await old.start();
    await bench.stream.append([textFrom("1", "hello"), textFrom("2", "hello")]);
    await expect.poll(() => stale).toBe(true);
    await old.stop();
    expect(await bench.repliesTo("1")).toEqual([]);
    expect(bench.notes).toEqual(["OWNER_STALE"]);
    await current.start();
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual(["hello"]);
    expect(await bench.repliesTo("2")).toEqual(["hello"]);
  });

  it("a handler that fails for now runs again, and nothing of the failed run is kept", async () => {
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
    expect(await bench.repliesTo("1")).toEqual(["run 3"]);
  });

  it("a handler that keeps failing parks its message with the reason; the next one goes on", async () => {
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
    expect(await bench.repliesTo("1")).toEqual(["fine"]);
    expect(bench.turnEndings).toEqual(["parked", "parked", "committed"]);
  });

  it("a copy of a message that was set aside is not asked again, by its owner or the next; a replay is (V13)", async () => {
    let runs = 0;
    const bot: Bot = {
      name: "cannot read poison",
      handle(turn) {
        if (textOf(turn.input) !== "poison") return turn.reply("fine");
        runs += 1;
        throw new Error("cannot read this");
      },
    };
    // Of the partition that the bench's engines own.
    const user = Array.from({ length: 99 }, (_, n) => textFrom(`${n}`, "").chatUser).find(
      (one) => partitionOf(textFrom(one, "")) === 0,
    )!;
    const poison = textFrom(user, "poison");
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([poison, poison, textFrom(user, "good"), poison]);
    await bench.stream.emptied();
    expect(bench.turnEndings).toEqual(["parked", "duplicate", "committed", "duplicate"]);
    expect(bench.notes).toEqual(["TURN_PARKED"]);
    await engine.stop();

    const next = await bench.makeEngine(bot);
    await next.start();
    await bench.stream.append([poison]);
    await bench.stream.emptied();
    expect(runs).toBe(1);

    const again = { ...poison, replay: "parked:1" };
    await bench.stream.append([again, again, poison]);
    await bench.stream.emptied();
    expect(runs).toBe(2);
    expect(await bench.parked.count({ accounts: "all" })).toBe(1);
  });

  it("a handler that never ends is given up, and what it does later is refused", async () => {
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
    const limits = { handlerMsMax: 5, handlerEndMsMax: 5 };
    const engine = await bench.makeEngine(bot, { limits });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(bench.stream.parked[0]?.reason).toContain("BOT_HANGS");
    release.resolve();
    expect(await late.promise).toMatchObject({ code: "TURN_SEALED" });
    expect(await bench.repliesTo("1")).toEqual([]);
  });

  it.each([
    ["no account", () => null],
    ["no account after a look", async () => null],
  ])("a message for %s of the fleet is parked", async (_name, findBot) => {
    const engine = await bench.makeEngine(echo, { findBot });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(bench.stream.parked[0]?.reason).toContain("ACCOUNT_UNKNOWN");
  });

  it.each([
    ["empty", "  ", undefined, "its text is empty"],
    ["too long for 20 messages", "x".repeat(20 * 4096 + 1), undefined, "at most 20 messages"],
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

  it("a turn that a fault of this program ends keeps its user's place until it is taken again, and holds up nobody else", async () => {
    const clock = createTestClock();
    let faults = 1;
    const bot: Bot = {
      name: "poisoned",
      handle(turn) {
        if (textOf(turn.input) === "poison") throw new Error("cannot read this");
        turn.reply(textOf(turn.input));
      },
    };
    const engine = await bench.makeEngine(bot, {
      clock,
      parked: {
        ...bench.parked,
        async park(...args) {
          faults -= 1;
          if (faults >= 0) throw new TypeError("no such property");
          return bench.parked.park(...args);
        },
      },
    });
    await engine.start();
    await bench.stream.append([textFrom("1", "poison"), textFrom("1", "next")]);
    await bench.stream.append([textFrom("2", "hello")]);
    await expect.poll(() => bench.notes).toContain("DELIVERY_UNSETTLED");
    await expect.poll(() => bench.repliesTo("2")).toEqual(["hello"]);
    expect(await bench.repliesTo("1")).toEqual([]);
    expect(engine.running).toBe(0);
    clock.advance(30_000);
    await bench.stream.emptied();
    expect(bench.turnEndings).toEqual(["committed", "parked", "committed"]);
    expect(await bench.repliesTo("1")).toEqual(["next"]);
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
