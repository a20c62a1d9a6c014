import { describe, expect, it } from "vitest";
import type { TlObject } from "../../../src/telegram-dc/seam.ts";
import { objectsField } from "../../../src/telegram-dc/world/tl-fields.ts";
import { type Client, createBench, inner, inputPeer, pushedUpdates } from "./bench.ts";

const ADA = "99966100001";
const BOB = "99966100002";

async function people(config = {}) {
  const bench = createBench(config);
  const ada = bench.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
  const bob = bench.phone.createUser({ phone: BOB, firstName: "Bob", username: "bob" });
  const bot = bench.phone.createUser({ firstName: "Bot", username: "site_bot", bot: true });
  const client = await bench.logIn(ADA, "ada");
  const toBob = inputPeer(bench, ada.id, bob.id);
  return { bench, ada, bob, bot, client, toBob };
}

function say(client: Client, peer: TlObject, text: string, randomId: bigint, more = {}) {
  const fields = { peer, message: text, random_id: randomId, ...more };
  return client.get("messages.sendMessage", fields);
}

const markup = (data: string): TlObject => ({
  _: "replyInlineMarkup",
  rows: [
    {
      _: "keyboardButtonRow",
      buttons: [{ _: "keyboardButtonCallback", text: "Go", data: Buffer.from(data) }],
    },
  ],
});

describe("sending", () => {
  it("puts a copy into both message boxes and the message into the ledger", async () => {
    const { bench, ada, bob, client, toBob } = await people();
    const answer = await say(client, toBob, "hello", 7n);
    expect(inner(answer, "updates", 0)).toEqual({ _: "updateMessageID", id: 1, random_id: 7n });
    expect(bench.phone.messages(bob.id)).toMatchObject([
      { text: "hello", fromId: ada.id, isOutgoing: false },
    ]);
    expect(bench.world.parts.ledger.messages({ from: ada.id })).toMatchObject([
      { text: "hello", toId: bob.id, randomId: 7n, authKeyId: "ada" },
    ]);
  });

  it("refuses a random_id that the account has used, whichever key repeats it", async () => {
    const { bench, client, toBob } = await people();
    await say(client, toBob, "hello", 7n);
    const second = await bench.logIn(ADA, "ada-2");
    await expect(say(second, toBob, "hello", 7n)).rejects.toThrow("500 RANDOM_ID_DUPLICATE");
    expect(bench.world.parts.ledger.summary()).toMatchObject({ duplicatesRefused: 1 });
  });

  it("recognises a random_id for the same key only, when it is told so", async () => {
    const { bench, client, toBob } = await people({ randomIdScope: "auth-key" });
    await say(client, toBob, "hello", 7n);
    await expect(say(client, toBob, "hello", 7n)).rejects.toThrow("500 RANDOM_ID_DUPLICATE");
    const second = await bench.logIn(ADA, "ada-2");
    await expect(say(second, toBob, "hello", 7n)).resolves.toMatchObject({ _: "updates" });
  });

  it.each([
    ["an empty text", { message: " \n" }, "400 MESSAGE_EMPTY"],
    ["4,097 characters", { message: "🙂".repeat(4_097) }, "400 MESSAGE_TOO_LONG"],
    ["buttons from a person", { reply_markup: markup("x") }, "400 REPLY_MARKUP_INVALID"],
    [
      "a wrong access hash",
      { peer: { _: "inputPeerUser", user_id: 5_000_000_002n, access_hash: 1n } },
      "400 PEER_ID_INVALID",
    ],
    [
      "a channel",
      { peer: { _: "inputPeerChannel", channel_id: 1n, access_hash: 1n } },
      "400 CHANNEL_INVALID",
    ],
  ])("refuses %s", async (_name, fields, error) => {
    const { bench, client, toBob } = await people();
    await expect(say(client, toBob, "hello", 7n, fields)).rejects.toThrow(error);
    expect(bench.world.parts.ledger.messages()).toEqual([]);
  });

  it("takes 4,096 characters outside the basic plane", async () => {
    const { client, toBob } = await people();
    await expect(say(client, toBob, "🙂".repeat(4_096), 7n)).resolves.toMatchObject({
      _: "updates",
    });
  });

  it("lets a bot write only to who has written to it, and never to a bot", async () => {
    const { bench, bob, bot } = await people();
    const other = bench.phone.createUser({ firstName: "Other", username: "other_bot", bot: true });
    const client = await bench.logInBot(bot.botToken ?? "");
    const toBob = inputPeer(bench, bot.id, bob.id);
    await expect(say(client, toBob, "hi", 1n)).rejects.toThrow("400 PEER_ID_INVALID");
    await expect(say(client, inputPeer(bench, bot.id, other.id), "hi", 2n)).rejects.toThrow(
      "400 USER_IS_BOT",
    );
    bench.phone.send(bob.id, { peer: "site_bot", text: "/start" });
    const withoutHash = { ...toBob, access_hash: 0n };
    await expect(say(client, withoutHash, "hi", 3n)).resolves.toMatchObject({ _: "updates" });
  });

  it("takes buttons from bots, with 1 to 64 bytes of data", async () => {
    const { bench, bob, bot } = await people();
    const client = await bench.logInBot(bot.botToken ?? "");
    bench.phone.send(bob.id, { peer: "site_bot", text: "/start" });
    const toBob = inputPeer(bench, bot.id, bob.id);
    await say(client, toBob, "choose", 1n, { reply_markup: markup("x".repeat(64)) });
    expect(bench.phone.messages(bob.id).at(-1)?.buttons).toMatchObject([[{ text: "Go" }]]);
    const tooMuch = { reply_markup: markup("x".repeat(65)) };
    await expect(say(client, toBob, "choose", 2n, tooMuch)).rejects.toThrow(
      "400 BUTTON_DATA_INVALID",
    );
  });

  it("keeps one copy of a note to oneself", async () => {
    const { bench, ada, client } = await people();
    await say(client, { _: "inputPeerSelf" }, "note", 1n);
    expect(bench.phone.messages(ada.id)).toHaveLength(1);
  });
});

describe("editing and deleting", () => {
  it("changes both copies and tells the other side", async () => {
    const { bench, bob, client, toBob } = await people();
    const other = await bench.logIn(BOB, "bob");
    await say(client, toBob, "helo", 1n);
    await client.get("messages.editMessage", { peer: toBob, id: 1, message: "hello" });
    expect(bench.phone.messages(bob.id)).toMatchObject([{ text: "hello" }]);
    expect(pushedUpdates(other).map((update) => update._)).toEqual([
      "updateNewMessage",
      "updateEditMessage",
    ]);
  });

  it.each([
    ["the same text", { id: 1, message: "hello" }, "400 MESSAGE_NOT_MODIFIED"],
    ["another's message", { id: 2, message: "x" }, "403 MESSAGE_AUTHOR_REQUIRED"],
    ["no message", { id: 9, message: "x" }, "400 MESSAGE_ID_INVALID"],
  ])("refuses an edit with %s", async (_name, fields, error) => {
    const { bench, bob, client, toBob } = await people();
    await say(client, toBob, "hello", 1n);
    bench.phone.send(bob.id, { peer: "ada", text: "hi" });
    await expect(client.get("messages.editMessage", { peer: toBob, ...fields })).rejects.toThrow(
      error,
    );
  });

  it("deletes for both sides only when it is asked to", async () => {
    const { bench, ada, bob, client, toBob } = await people();
    await say(client, toBob, "one", 1n);
    await say(client, toBob, "two", 2n);
    await client.get("messages.deleteMessages", { id: [1] });
    const result = await client.get("messages.deleteMessages", { id: [2, 99], revoke: true });
    expect(result).toMatchObject({ pts_count: 1 });
    expect(bench.phone.messages(ada.id)).toEqual([]);
    expect(bench.phone.messages(bob.id)).toMatchObject([{ text: "one" }]);
  });
});

async function withHistory() {
  const all = await people();
  for (let count = 1; count <= 10; count += 1) {
    all.bench.phone.send(all.bob.id, { peer: "ada", text: `m${count}` });
  }
  return all;
}
const page = (more: Record<string, number>) => ({
  offset_id: 0,
  offset_date: 0,
  add_offset: 0,
  limit: 100,
  max_id: 0,
  min_id: 0,
  hash: 0n,
  ...more,
});

describe("reading", () => {
  it.each([
    ["everything, newest first", {}, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ["a page below an id", { offset_id: 5, limit: 2 }, [4, 3]],
    ["a page around an id", { offset_id: 5, add_offset: -2, limit: 3 }, [6, 5, 4]],
    ["the newest page", { limit: 3 }, [10, 9, 8]],
    ["ids between two bounds", { min_id: 3, max_id: 6 }, [5, 4]],
    ["nothing past the end", { offset_id: 1 }, []],
  ])("gives %s", async (_name, fields, ids) => {
    const { client, toBob } = await withHistory();
    const answer = await client.get("messages.getHistory", { peer: toBob, ...page(fields) });
    expect(objectsField(answer, "messages").map((message) => message["id"])).toEqual(ids);
  });

  it("gives single messages, and an empty one for an id that is not there", async () => {
    const { client } = await withHistory();
    const id = [
      { _: "inputMessageID", id: 3 },
      { _: "inputMessageID", id: 99 },
    ];
    const answer = await client.get("messages.getMessages", { id });
    expect(answer["messages"]).toMatchObject([{ message: "m3" }, { _: "messageEmpty", id: 99 }]);
  });

  it("counts what is unread, tells the writer what was read, and counts down", async () => {
    const { bench, client, toBob } = await withHistory();
    const writer = await bench.logIn(BOB, "bob");
    const before = await client.get("messages.getDialogs");
    expect(inner(before, "dialogs", 0)).toMatchObject({ unread_count: 10, top_message: 10 });
    await client.get("messages.readHistory", { peer: toBob, max_id: 4 });
    expect(inner(await client.get("messages.getDialogs"), "dialogs", 0)).toMatchObject({
      unread_count: 6,
      read_inbox_max_id: 4,
    });
    expect(pushedUpdates(writer)).toMatchObject([{ _: "updateReadHistoryOutbox", max_id: 4 }]);
  });

  it("keeps bots from history, dialogs and reading", async () => {
    const { bench, bot, ada } = await people();
    const client = await bench.logInBot(bot.botToken ?? "");
    const peer = inputPeer(bench, bot.id, ada.id);
    for (const method of ["messages.getHistory", "messages.getDialogs", "messages.readHistory"]) {
      await expect(client.get(method, { peer, ...page({}) })).rejects.toThrow(
        "400 BOT_METHOD_INVALID",
      );
    }
  });
});

describe("finding people", () => {
  it.each([
    ["contacts.resolveUsername", { username: "BOB" }],
    ["contacts.resolvePhone", { phone: `+${BOB}` }],
  ])("answers %s of %o", async (method, fields) => {
    const { client, bob } = await people();
    expect(inner(await client.get(method, fields), "users", 0, "id")).toBe(bob.id);
  });

  it.each([
    ["contacts.resolveUsername", { username: "nobody" }, "400 USERNAME_NOT_OCCUPIED"],
    ["contacts.resolvePhone", { phone: "123456" }, "400 PHONE_NOT_OCCUPIED"],
  ])("refuses %s of %o by %s", async (method, fields, error) => {
    const { client } = await people();
    await expect(client.get(method, fields)).rejects.toThrow(error);
  });

  it("shows the caller's own phone number and nobody else's", async () => {
    const { client, toBob } = await people();
    const id = [
      { _: "inputUserSelf" },
      { ...toBob, _: "inputUser" },
      { ...toBob, _: "inputUser", access_hash: 1n },
    ];
    expect(await client.ask("users.getUsers", { id })).toMatchObject([
      { self: true, phone: ADA },
      { first_name: "Bob", phone: undefined },
      { _: "userEmpty" },
    ]);
  });
});
