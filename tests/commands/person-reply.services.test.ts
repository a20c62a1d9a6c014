import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { createConversationRecords } from "../../src/adapters/postgres/conversation-records.ts";
import { createPersonReplies } from "../../src/adapters/postgres/person-replies.ts";
import { createUndeliveredReplies } from "../../src/adapters/postgres/undelivered-replies.ts";
import { createReplyCommands, type ReplyVerbs } from "../../src/commands/reply-verbs.ts";
import { createHotConversations } from "../../src/conversation/turns/session-cache.ts";
import { replay } from "../../src/conversation/rehearsal/replay.ts";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import type { Bot } from "../../src/ports/conversation/bot.ts";
import type { Speaker } from "../../src/ports/speaker.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../fixtures/conversation-bench.ts";
import { echo, textOf } from "../fixtures/test-bots.ts";

const rules = conversationRules(conversationMachine);
const owner: Speaker = { name: "owner", role: "owner", key: "U1", accounts: "all" };
const stranger: Speaker = { name: "other", role: "operate", key: "U2", accounts: ["other"] };

/** Answers each message with what it knows of those before, and gives up on "help". */
const remembering: Bot = {
  name: "remembering",
  handle(turn) {
    const text = textOf(turn.input);
    if (text === "help") turn.escalate();
    turn.reply(turn.history.map(({ role, body }) => `${role} ${body}`).join(", ") || "hello");
  },
};

let bench: ConversationBench;
let verbs: ReplyVerbs;
let told: string[];
beforeEach(async () => {
  bench = await openConversationBench("user");
  told = [];
  verbs = createReplyCommands({
    undelivered: createUndeliveredReplies(bench.database),
    records: createConversationRecords(bench.database, rules),
    persons: createPersonReplies(bench.database, rules),
    tellReplies: (of) => void told.push(of),
  });
});
afterEach(() => bench.close());

const sessions = () => createConversationRecords(bench.database, rules).list({ limit: 10 });
const answer = (session: string, text: string, key = text, speaker = owner) =>
  verbs["conversation-reply"]({ session, text, key }, speaker);

async function startTalk(bot: Bot) {
  const store = createHotConversations(bench.conversations, createSystemClock(), rules);
  const engine = await bench.makeEngine(bot, { store });
  await engine.start();
  await bench.makeSender().start();
  const says = async (text: string) => {
    await bench.stream.append([textFrom("1", text)]);
    await bench.stream.emptied();
  };
  return { says, store };
}

describe("a person's answer in a session", () => {
  it("reaches the user in order, and stands in the session and in what the bot is told afterwards", async () => {
    const { says, store } = await startTalk(remembering);
    await says("hi");
    await says("help");
    const [session] = await sessions();
    expect(await answer(session!.id, "Bob here")).toEqual({
      ok: true,
      session: session!.id,
      account,
      status: "escalated",
      messages: 1,
      repeated: false,
    });
    expect(told).toEqual([account]);
    await says("thanks");
    await bench.conversations.move(session!.id, "resolve");
    await says("and now?");
    await says("still there?");
    const user = { channel: "telegram", account, chatUser: "1" };
    const remembered = (await store.load(user, 60_000)).messages;
    expect(remembered).toEqual((await bench.conversations.load(user, 60_000)).messages);
    await bench.makeSender().start();
    await bench.sent();
    const first = "user hi, bot hello, user help, bot user hi, bot hello";
    const later = `${first}, person Bob here, user thanks`;
    expect(bench.telegram.texts("1")).toEqual([
      "hello",
      "user hi, bot hello",
      "Bob here",
      later,
      // Of the remembered session, as of the read one.
      `${later}, user and now?, bot ${later}`,
    ]);
    const { turns } = (await createConversationRecords(bench.database, rules).show(
      session!.id,
      50,
    ))!;
    expect(turns[2]).toMatchObject({ asked: "", replies: [{ body: "Bob here", by: "person" }] });
    const again = await replay(remembering, { session: session!, turns }, "user");
    expect(again.map(({ asked }) => asked)).not.toContain("");
  });

  it("under the same key is said once", async () => {
    const { says } = await startTalk(echo);
    await says("hi");
    const [session] = await sessions();
    expect(await answer(session!.id, "one", "k")).toMatchObject({ repeated: false });
    expect(await answer(session!.id, "one", "k")).toMatchObject({ repeated: true });
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["hi", "one"]);
  });

  it("that is longer than a message goes out in parts", async () => {
    const { says } = await startTalk(echo);
    await says("hi");
    const [session] = await sessions();
    const text = `${"a".repeat(4000)}\n\n${"b".repeat(4000)}`;
    expect(await answer(session!.id, text)).toMatchObject({ messages: 2 });
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1").map((sent) => sent[0])).toEqual(["h", "a", "b"]);
  });

  it("beside a turn of the bot's keeps both, each once", async () => {
    const { says } = await startTalk(echo);
    await says("hi");
    const [session] = await sessions();
    await Promise.all([says("two"), answer(session!.id, "three"), answer(session!.id, "four")]);
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1").toSorted()).toEqual(["four", "hi", "three", "two"]);
    expect(bench.stream.parked).toEqual([]);
  });

  it("is refused where there is no such session, it is over, is another's, or nothing is said", async () => {
    const { says } = await startTalk(echo);
    await says("hi");
    const [session] = await sessions();
    const refusals = [
      [() => answer("999", "x"), "SESSION_NOT_OPEN"],
      [() => answer("1; drop table turns", "x"), "SESSION_NOT_OPEN"],
      [() => answer(session!.id, "  \n "), "REPLY_EMPTY"],
      [() => answer(session!.id, "x", "x", stranger), "ACCOUNT_NOT_YOURS"],
    ] as const;
    for (const [ask, code] of refusals) await expect(ask()).rejects.toMatchObject({ code });
    await bench.database.query("update conversation_sessions set status = 'ended'");
    await expect(answer(session!.id, "x")).rejects.toMatchObject({ code: "SESSION_NOT_OPEN" });
    expect(await bench.repliesTo("1")).toEqual(["hi"]);
  });

  it("is refused where nothing was ever sent to the user", async () => {
    const silent: Bot = { name: "silent", handle: () => undefined };
    const { says } = await startTalk(silent);
    await says("hi");
    const [session] = await sessions();
    await expect(answer(session!.id, "x")).rejects.toMatchObject({
      code: "REPLY_ADDRESS_UNKNOWN",
    });
  });
});
