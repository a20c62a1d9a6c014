import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createUndeliveredReplies } from "../../src/adapters/postgres/undelivered-replies.ts";
import { defineBot } from "../../src/bots/define-bot.ts";
import { tellUndeliverable } from "../../src/node/undeliverable.ts";
import type { Bot } from "../../src/ports/conversation/bot.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
} from "../fixtures/conversation-bench.ts";
import { createTestClock } from "../fixtures/test-clock.ts";
import { faults } from "../fixtures/test-telegram.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench("user");
});
afterEach(() => bench.close());

const heard: string[] = [];
const listener = defineBot({
  name: "listener",
  text: (turn, text) => turn.reply(text),
  undeliverable(turn, { text, code }) {
    heard.push(`${code}: ${text}`);
    turn.reply("did you block me?");
  },
});

/** The beats of a host: each looks for what the bot has not heard. */
function beats(bot: Bot, of = [account]) {
  const clock = createTestClock();
  const tell = tellUndeliverable({
    undelivered: createUndeliveredReplies(bench.database),
    stream: bench.stream,
    accounts: () => (bot.hearsUndeliverable === true ? of : []),
    clock,
    everyMs: 1000,
  });
  return async () => {
    clock.advance(1000);
    await tell();
    await bench.stream.emptied();
  };
}

/** Every reply is refused. */
async function refuse(bot: Bot) {
  heard.length = 0;
  bench.telegram.onSend = () => ({ fault: faults.blocked, arrives: false });
  await bench.commitReplies("1", "hello");
  await bench.makeSender().start();
  await bench.sent();
  await (await bench.makeEngine(bot)).start();
}

const turns = async () =>
  (await bench.database.query<{ inbound_id: string }>("select inbound_id from turns")).length;

describe("a reply that was given up", () => {
  it("is heard by a bot that says so, once, and not what the bot says to that", async () => {
    await refuse(listener);
    const beat = beats(listener);
    for (let count = 0; count < 3; count += 1) {
      await beat();
      await bench.sent();
    }
    expect(heard).toEqual(["USER_IS_BLOCKED: hello"]);
    const session = await bench.conversations.load(
      { channel: "telegram", account, chatUser: "1" },
      60_000,
    );
    expect(session.messages.map(({ role, body }) => `${role}: ${body}`)).toEqual([
      "user: hello",
      "bot: hello",
      "user: ",
      "bot: did you block me?",
    ]);
  });

  it("that is appended twice, as after a crash, is one turn", async () => {
    await refuse(listener);
    await beats(listener)();
    await bench.database.query("update outbox set told_at = null");
    await beats(listener)();
    expect(bench.turnEndings).toEqual(["committed", "committed", "duplicate"]);
    expect(await turns()).toBe(2);
  });

  it("is no turn of a bot that has not said so, nor of a session that a person has", async () => {
    const plain = defineBot({ name: "plain", text: (turn, text) => turn.reply(text) });
    await refuse(plain);
    await beats(plain)();
    // As another host with another version of the bot may append it.
    await beats(listener)();
    expect(await turns()).toBe(1);
    await bench.database.query("update conversation_sessions set status = 'escalated'");
    await bench.database.query("update outbox set told_at = null");
    await (await bench.makeEngine(listener)).start();
    await beats(listener)();
    expect([await turns(), heard]).toEqual([1, []]);
  });

  it("is no news after an hour, nor for the hosts of other accounts", async () => {
    await refuse(listener);
    await beats(listener, ["other"])();
    await bench.database.query("update outbox set given_up_at = now() - interval '61 minutes'");
    await beats(listener)();
    expect(heard).toEqual([]);
  });
});
