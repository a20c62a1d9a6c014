import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HoldfastError } from "../../../src/errors.ts";
import { createHotConversations } from "../../../src/conversation/turns/session-cache.ts";
import { createSystemClock } from "../../../src/concurrency/system-clock.ts";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { away, textOf } from "../../fixtures/test-bots.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
afterEach(() => bench.close());

/** Calls another step for each state that it finds. */
function shop(calls: string[]): Bot {
  return {
    name: "shop",
    async handle(turn) {
      const step = turn.state === null ? "order" : "reorder";
      await turn.step(step, () => void calls.push(step));
      turn.setState({ machineId: "s", schemaVersion: 1, state: "ordered" });
      turn.reply(step);
    },
  };
}

describe("a message that took effect and comes again", () => {
  it("does not run the bot of the next owner (I4)", async () => {
    const calls: string[] = [];
    const first = await bench.makeEngine(shop(calls));
    await first.start();
    const item = textFrom("1", "yes");
    await bench.stream.append([item]);
    await bench.stream.emptied();
    await first.stop();
    const second = await bench.makeEngine(shop(calls));
    await second.start();
    await bench.stream.append([item]);
    await bench.stream.emptied();
    expect(calls).toEqual(["order"]);
    expect(bench.turnEndings).toEqual(["committed", "duplicate"]);
    expect(await bench.repliesTo("1")).toEqual(["order"]);
  });

  it("does not run the bot of the same owner, which remembers the conversation", async () => {
    const calls: string[] = [];
    const rules = conversationRules(conversationMachine);
    const store = createHotConversations(bench.conversations, createSystemClock(), rules);
    const engine = await bench.makeEngine(shop(calls), { store });
    await engine.start();
    const item = textFrom("1", "yes");
    await bench.stream.append([item, item]);
    await bench.stream.emptied();
    expect(calls).toEqual(["order"]);
    expect(bench.turnEndings).toEqual(["committed", "duplicate"]);
  });
});

describe("a step", () => {
  it("of a turn that took effect is not kept, and one of another owner is not begun", async () => {
    const claim = await bench.conversations.claimPartition(0, "here");
    const item = textFrom("1", "hello");
    await bench.steps.keep(item, "a", 1, claim);
    expect(await bench.steps.find(item, "a", claim)).toBe(1);
    const next = await bench.conversations.claimPartition(0, "elsewhere");
    const refused = { code: "STEP_REFUSED" };
    await expect(bench.steps.find(item, "a", claim)).rejects.toMatchObject(refused);
    await expect(bench.steps.keep(item, "b", 2, claim)).rejects.toMatchObject(refused);
    expect(await bench.steps.find(item, "b", next)).toBeUndefined();
    const engine = await bench.makeEngine({ name: "echo", handle: (turn) => turn.reply("x") });
    await engine.start();
    await bench.stream.append([item]);
    await bench.stream.emptied();
    const last = await bench.conversations.claimPartition(0, "here");
    await expect(bench.steps.keep(item, "b", 2, last)).rejects.toMatchObject(refused);
  });

  it("is under way once, however long it takes and often its handler is tried", async () => {
    let [calls, atOnce, atOnceMax] = [0, 0, 0];
    const paid = deferred();
    const bot: Bot = {
      name: "slow",
      async handle(turn) {
        await turn.step("charge", async () => {
          calls += 1;
          atOnce += 1;
          atOnceMax = Math.max(atOnceMax, atOnce);
          await paid.promise;
          atOnce -= 1;
        });
        turn.reply("charged");
      },
    };
    const limits = { handlerMsMax: 50, handlerRetryMsMax: 1e6 };
    const engine = await bench.makeEngine(bot, { limits });
    await engine.start();
    await bench.stream.append([textFrom("1", "pay"), textFrom("2", "pay")]);
    await expect.poll(() => bench.notes).toEqual(["BOT_TIMED_OUT", "BOT_TIMED_OUT"]);
    expect(calls).toBe(2);
    paid.resolve();
    await bench.stream.emptied();
    expect([calls, atOnceMax]).toEqual([2, 2]);
    expect(bench.stream.parked).toEqual([]);
    expect(await bench.repliesTo("1")).toEqual(["charged"]);
  });
});

describe("a host that stops", () => {
  it("lets a turn that began finish, its steps included", async () => {
    const begun = deferred();
    const goOn = deferred();
    const bot: Bot = {
      name: "steps late",
      async handle(turn) {
        begun.resolve();
        await goOn.promise;
        turn.reply(String(await turn.step("order", () => 7)));
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await begun.promise;
    const stopped = engine.stop();
    goOn.resolve();
    await stopped;
    expect(await bench.repliesTo("1")).toEqual(["7"]);
  });

  it("waits for a handler that is late, as the next owner would run it beside", async () => {
    const end = deferred();
    const bot: Bot = { name: "late", handle: () => end.promise.then(() => undefined) };
    const limits = { handlerMsMax: 100, handlerRetryMsMax: 1e6 };
    const engine = await bench.makeEngine(bot, { limits });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await expect.poll(() => bench.notes).toEqual(["BOT_TIMED_OUT"]);
    let isStopped = false;
    const stopped = engine.stop().then(() => (isStopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    end.resolve();
    await stopped;
    expect(bench.turnEndings).toEqual(["given-back"]);
  });
});

describe("a handler that exceeds its time", () => {
  it("is told by its signal, and runs again when it has ended", async () => {
    const reasons: unknown[] = [];
    let runs = 0;
    const bot: Bot = {
      name: "listens",
      async handle(turn) {
        runs += 1;
        if (runs === 1) {
          await new Promise<void>((resolve) =>
            turn.signal.addEventListener("abort", () => resolve()),
          );
          reasons.push((turn.signal.reason as HoldfastError).code);
          return;
        }
        turn.reply(`run ${runs}`);
      },
    };
    const engine = await bench.makeEngine(bot, { limits: { handlerMsMax: 5 } });
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(reasons).toEqual(["BOT_TIMED_OUT"]);
    expect(await bench.repliesTo("1")).toEqual(["run 2"]);
  });

  it("holds its user alone until it ends, and leaves its place to others", async () => {
    const end = deferred();
    const bot: Bot = {
      name: "hangs for one",
      async handle(turn) {
        if (textOf(turn.input) === "hang") await end.promise;
        turn.reply(textOf(turn.input));
      },
    };
    const engine = await bench.makeEngine(bot, { limits: { handlerMsMax: 5, usersMax: 1 } });
    await engine.start();
    await bench.stream.append([textFrom("1", "hang"), textFrom("1", "next"), textFrom("2", "hi")]);
    await expect.poll(() => bench.repliesTo("2")).toEqual(["hi"]);
    expect(await bench.repliesTo("1")).toEqual([]);
    await engine.stop();
    end.resolve();
  });
});

describe("a handler that fails for now", () => {
  it("rests, holds its user alone, and answers when it can", async () => {
    let isAway = true;
    const bot: Bot = {
      name: "asks outside",
      handle(turn) {
        if (textOf(turn.input) === "ask" && isAway) throw away();
        turn.reply(textOf(turn.input));
      },
    };
    const engine = await bench.makeEngine(bot, {
      limits: { usersMax: 1, handlerRestMs: 1, handlerRestMsMax: 1, handlerRetryMsMax: 1e6 },
    });
    await engine.start();
    await bench.stream.append([textFrom("1", "ask"), textFrom("1", "then"), textFrom("2", "hi")]);
    await expect.poll(() => bench.repliesTo("2")).toEqual(["hi"]);
    expect(await bench.repliesTo("1")).toEqual([]);
    isAway = false;
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual(["ask", "then"]);
    expect(bench.stream.parked).toEqual([]);
  });

  it("is told the same about its session in every run", async () => {
    const seen: string[] = [];
    const bot: Bot = {
      name: "greets",
      handle(turn) {
        seen.push(`${turn.session.decision} ${turn.session.turns}`);
        if (seen.length === 1) throw away();
        turn.reply("Welcome!");
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "hi"), textFrom("1", "again")]);
    await bench.stream.emptied();
    expect(seen).toEqual([
      "SESSION_CREATED_FIRST_CONTACT 0",
      "SESSION_CREATED_FIRST_CONTACT 0",
      "SESSION_REUSED 1",
    ]);
    expect(bench.decisions).toEqual(["SESSION_CREATED_FIRST_CONTACT", "SESSION_REUSED"]);
  });
});
