import { afterEach, describe, expect, it } from "vitest";
import { defineBot } from "../../../src/bot.ts";
import { createBrake } from "../../../src/conversation/turns/brake.ts";
import type { BotSeat } from "../../../src/conversation/turns/run-options.ts";
import { HoldfastError } from "../../../src/errors.ts";
import { runHere } from "../../../src/conversation/turns/bot-here.ts";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import type { InboundItem } from "../../../src/ports/conversation/inbound-stream.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";
import { echo } from "../../fixtures/test-bots.ts";

let bench: ConversationBench;
afterEach(() => bench.close());

const seatOf = (bot: Bot | null): BotSeat => ({
  bot: bot && runHere(bot),
  style: "buttons",
  sentBy: "holder",
});
const said = async () =>
  (await bench.database.query<{ body: string }>("select body from messages order by seq")).map(
    ({ body }) => body,
  );

describe("whom a bot answers", () => {
  async function talk(bot: Bot | null, ...items: readonly InboundItem[]) {
    bench = await openConversationBench();
    const reasons: string[] = [];
    const engine = await bench.makeEngine(echo, {
      findBot: () => seatOf(bot),
      onUnanswered: (_account, reason) => void reasons.push(reason),
    });
    await engine.start();
    await bench.stream.append(items);
    await bench.stream.emptied();
    return reasons;
  }
  const from = (sender: "bot" | "fleet", text: string) => ({ ...textFrom("1", text), sender });

  it("is no bot where none was chosen: messages are kept as read, and none is set aside", async () => {
    const reasons = await talk(null, textFrom("1", "hello"), textFrom("1", "anyone?"));
    expect(await said()).toEqual(["hello", "anyone?"]);
    expect(bench.turnEndings).toEqual(["committed", "committed"]);
    expect(reasons).toEqual(["no-bot", "no-bot"]);
  });

  it("is neither another bot nor the fleet's own account", async () => {
    const reasons = await talk(echo, from("bot", "a"), from("fleet", "b"), textFrom("1", "c"));
    expect(await said()).toEqual(["a", "b", "c", "c"]);
    expect(reasons).toEqual(["bot", "fleet"]);
  });

  it("is whom the bot says that it also answers", async () => {
    const bot = defineBot({
      name: "relay",
      alsoAnswers: ["fleet"],
      text: (turn, text) => turn.reply(`${text}!`),
    });
    const reasons = await talk(bot, from("bot", "a"), from("fleet", "b"));
    expect(await said()).toEqual(["a", "b", "b!"]);
    expect(reasons).toEqual(["bot"]);
  });
});

it("a message waits while its account's bot cannot be loaded, and is answered then", async () => {
  bench = await openConversationBench();
  let tries = 0;
  const engine = await bench.makeEngine(echo, {
    async findBot() {
      tries += 1;
      if (tries < 3)
        throw new HoldfastError({
          code: "BOT_UNAVAILABLE",
          message: "no file",
          policy: "retryable",
        });
      return seatOf(echo);
    },
  });
  await engine.start();
  await bench.stream.append([textFrom("1", "hello")]);
  await bench.stream.emptied();
  expect(await bench.repliesTo("1")).toEqual(["hello"]);
  expect([tries, bench.notes]).toEqual([3, ["BOT_UNAVAILABLE"]]);
});

describe("two programs that answer each other", () => {
  async function open() {
    bench = await openConversationBench();
    const clock = createTestClock();
    const braked: string[] = [];
    const brake = createBrake({
      turnsMax: 3,
      clock,
      onBraked: ({ chatUser }) => void braked.push(chatUser),
    });
    const engine = await bench.makeEngine(echo, { clock, brake });
    await engine.start();
    /** The other program answers each reply, until one does not come at once. */
    async function answerEach(texts: readonly string[]) {
      for (const text of texts) {
        await bench.stream.append([textFrom("1", text)]);
        await expect.poll(() => engine.running).toBe(0);
        if (engine.waiting > 0) return;
      }
    }
    return { clock, braked, engine, answerEach };
  }
  const texts = Array.from({ length: 10 }, (_, n) => `message ${n}`);

  it("rest, lose nothing, hold up no other user, and go on", async () => {
    const { clock, braked, engine, answerEach } = await open();
    await answerEach(texts);
    expect(await bench.repliesTo("1")).toEqual(texts.slice(0, 3));
    expect([engine.waiting, braked]).toEqual([1, ["1"]]);
    await bench.stream.append([textFrom("1", "more"), textFrom("2", "hello")]);
    await expect.poll(() => bench.stream.done).toHaveLength(4);
    expect(await bench.repliesTo("2")).toEqual(["hello"]);
    clock.advance(5_000);
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual([...texts.slice(0, 4), "more"]);
    expect(braked).toEqual(["1"]);
  });

  it("leave their message to the next owner when this one stops meanwhile", async () => {
    const { engine, answerEach } = await open();
    await answerEach(texts);
    await engine.stop();
    const next = await bench.makeEngine(echo);
    await next.start();
    await bench.stream.emptied();
    expect(await bench.repliesTo("1")).toEqual(texts.slice(0, 4));
  });
});
