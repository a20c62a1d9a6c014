import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { createConversationRecords } from "../../src/adapters/postgres/conversation-records.ts";
import { createPersonReplies } from "../../src/adapters/postgres/person-replies.ts";
import { createUndeliveredReplies } from "../../src/adapters/postgres/undelivered-replies.ts";
import { createReplyCommands, type ReplyVerbs } from "../../src/commands/reply-verbs.ts";
import type { Speaker } from "../../src/ports/speaker.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
} from "../fixtures/conversation-bench.ts";
import { faults } from "../fixtures/test-telegram.ts";

const rules = conversationRules(conversationMachine);
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

const owner: Speaker = { name: "owner", role: "owner", key: "U1", accounts: "all" };
const stranger: Speaker = { name: "other", role: "operate", key: "U2", accounts: ["other"] };

/** One reply of each chat that is refused. */
async function refuse(...chats: readonly string[]): Promise<void> {
  bench.telegram.onSend = () => ({ fault: faults.blocked, arrives: false });
  for (const chat of chats) await bench.commitReplies(chat, `for ${chat}`);
  const sender = bench.makeSender();
  await sender.start();
  await bench.sent();
  await sender.stop();
  bench.telegram.onSend = () => null;
}

describe("replies that were given up", () => {
  it("are listed with their reason and their text, the newest first, in pages", async () => {
    await refuse("1", "2", "3");
    const first = await verbs.replies({ limit: 2 }, owner);
    expect(first.replies).toMatchObject([
      { account, chatUser: "3", code: "USER_IS_BLOCKED", text: "for 3" },
      { account, chatUser: "2" },
    ]);
    const second = await verbs.replies({ limit: 2, before: first.next }, owner);
    expect([second.replies.map(({ chatUser }) => chatUser), second.next]).toEqual([["1"], null]);
  });

  it("are sent again on request, once, and are off the list", async () => {
    await refuse("1");
    const [reply] = (await verbs.replies({}, owner)).replies;
    expect(await verbs["reply-resend"]({ reply: reply!.id }, owner)).toMatchObject({ account });
    expect(told).toEqual([account]);
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["for 1"]);
    expect((await verbs.replies({}, owner)).replies).toEqual([]);
    await expect(verbs["reply-resend"]({ reply: reply!.id }, owner)).rejects.toMatchObject({
      code: "REPLY_NOT_LISTED",
    });
  });

  it("that had arrived after all are read back and not sent twice", async () => {
    await refuse("1");
    const [row] = await bench.database.query<{ random_id: string }>("select random_id from outbox");
    const peer = { userId: "1", accessHash: "7" };
    bench.telegram.sendByHand({ peer, text: "for 1", randomId: row!.random_id });
    const [reply] = (await verbs.replies({}, owner)).replies;
    await verbs["reply-resend"]({ reply: reply!.id }, owner);
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["for 1"]);
  });

  it("are dropped on request and never sent", async () => {
    await refuse("1");
    const [reply] = (await verbs.replies({}, owner)).replies;
    await verbs["reply-drop"]({ reply: reply!.id }, owner);
    expect((await verbs.replies({}, owner)).replies).toEqual([]);
    await bench.makeSender().start();
    expect(bench.telegram.texts("1")).toEqual([]);
  });

  it("of accounts that the speaker may not name are neither shown nor touched", async () => {
    await refuse("1");
    const [reply] = (await verbs.replies({}, owner)).replies;
    expect((await verbs.replies({}, stranger)).replies).toEqual([]);
    await expect(verbs.replies({ account }, stranger)).rejects.toMatchObject({
      code: "ACCOUNT_NOT_YOURS",
    });
    for (const verb of ["reply-resend", "reply-drop"] as const) {
      await expect(verbs[verb]({ reply: reply!.id }, stranger)).rejects.toMatchObject({
        code: "REPLY_NOT_LISTED",
      });
    }
  });

  it.each(["", "x", "1:2:3", "99999999999999999999:1", "1:2; drop table outbox"])(
    "are not found by %j",
    async (reply) => {
      await expect(verbs["reply-drop"]({ reply }, owner)).rejects.toMatchObject({
        code: reply === "" ? "COMMAND_MALFORMED" : "REPLY_NOT_LISTED",
      });
    },
  );
});
