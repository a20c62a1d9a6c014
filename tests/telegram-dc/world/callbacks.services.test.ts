import { describe, expect, it } from "vitest";
import type { TlObject } from "../../../src/telegram-dc/seam.ts";
import { createBench, inputPeer, pushedUpdates } from "../../fixtures/telegram-dc/world-bench.ts";

const ADA = "99966100001";

async function withButton() {
  const bench = createBench({ callbackTimeoutMs: 10_000 });
  const ada = bench.phone.createUser({ phone: ADA, firstName: "Ada" });
  const bot = bench.phone.createUser({ firstName: "Bot", username: "site_bot", bot: true });
  bench.phone.send(ada.id, { peer: "site_bot", text: "/start" });
  const client = await bench.logInBot(bot.botToken ?? "", "bot");
  await client.get("messages.sendMessage", {
    peer: inputPeer(bench, bot.id, ada.id),
    message: "choose",
    random_id: 1n,
    reply_markup: {
      _: "replyInlineMarkup",
      rows: [
        {
          _: "keyboardButtonRow",
          buttons: [
            { _: "keyboardButtonCallback", text: "Go", data: Buffer.from("go") },
            { _: "keyboardButton", text: "Plain" },
          ],
        },
      ],
    },
  });
  client.pushes.length = 0;
  const messageId = bench.phone.messages(ada.id).at(-1)?.id ?? 0;
  return { bench, ada, bot, client, messageId };
}

const answerOf = (update: TlObject | undefined, message: string) => ({
  query_id: update?.["query_id"],
  message,
  cache_time: 0,
});

describe("pressing a button", () => {
  it("asks the bot and brings its answer", async () => {
    const { bench, ada, client, messageId } = await withButton();
    const pressed = bench.phone.press(ada.id, { messageId, button: "Go" });
    const [query] = pushedUpdates(client);
    expect(query).toMatchObject({ user_id: ada.id, data: Buffer.from("go"), msg_id: 2 });
    await client.ask("messages.setBotCallbackAnswer", answerOf(query, "done"));
    expect(await pressed).toEqual({ text: "done", isAlert: false, url: undefined });
  });

  it("works the same for a client of the user", async () => {
    const { bench, ada, bot, client, messageId } = await withButton();
    const user = await bench.logIn(ADA, "ada");
    const pressed = user.get("messages.getBotCallbackAnswer", {
      peer: inputPeer(bench, ada.id, bot.id),
      msg_id: messageId,
      data: Buffer.from("go"),
    });
    const [query] = pushedUpdates(client);
    await client.ask("messages.setBotCallbackAnswer", answerOf(query, "done"));
    expect(await pressed).toMatchObject({ _: "messages.botCallbackAnswer", message: "done" });
  });

  it("gives up on a bot that stays silent, which then answers too late", async () => {
    const { bench, ada, client, messageId } = await withButton();
    const pressed = bench.phone.press(ada.id, { messageId, button: "Go" });
    const [query] = pushedUpdates(client);
    bench.clock.advance(10_000);
    await expect(pressed).rejects.toMatchObject({ code: "BOT_RESPONSE_TIMEOUT", status: 504 });
    await expect(
      client.ask("messages.setBotCallbackAnswer", answerOf(query, "late")),
    ).rejects.toThrow("400 QUERY_ID_INVALID");
  });

  it("asks again on the bot's next connection that catches up, and only there", async () => {
    const { bench, ada, client, messageId } = await withButton();
    const pressed = bench.phone.press(ada.id, { messageId, button: "Go" });
    client.close();
    const next = bench.connect("bot");
    await next.get("updates.getDifference", { pts: 1, date: 0, qts: 0 });
    await next.get("updates.getState");
    const queries = pushedUpdates(next);
    expect(queries).toHaveLength(1);
    await next.ask("messages.setBotCallbackAnswer", answerOf(queries[0], "done"));
    expect(await pressed).toMatchObject({ text: "done" });
  });

  it("asks again where a fault swallowed the question", async () => {
    const { bench, ada, bot, client, messageId } = await withButton();
    bench.phone.addFault({ kind: "lose-update", userId: bot.id });
    const pressed = bench.phone.press(ada.id, { messageId, button: "Go" });
    expect(pushedUpdates(client)).toEqual([]);
    await client.get("updates.getState");
    await client.ask("messages.setBotCallbackAnswer", answerOf(pushedUpdates(client)[0], "ok"));
    expect(await pressed).toMatchObject({ text: "ok" });
  });

  it.each([
    [{ button: "Stop" }, "UNKNOWN_BUTTON"],
    [{ button: "Plain" }, "NOT_A_CALLBACK_BUTTON"],
    [{ messageId: 99, button: "Go" }, "UNKNOWN_MESSAGE"],
    [{ messageId: 1, data: Buffer.from("go") }, "MESSAGE_ID_INVALID"],
  ])("refuses %o with %s", async (press, code) => {
    const { bench, ada, messageId } = await withButton();
    await expect(bench.phone.press(ada.id, { messageId, ...press })).rejects.toMatchObject({
      code,
    });
  });

  it("lets only the asked bot answer", async () => {
    const { bench, ada, client, messageId } = await withButton();
    const other = bench.phone.createUser({ firstName: "Other", username: "other_bot", bot: true });
    const stranger = await bench.logInBot(other.botToken ?? "");
    const user = await bench.logIn(ADA, "ada");
    const pressed = bench.phone.press(ada.id, { messageId, button: "Go" });
    const [query] = pushedUpdates(client);
    const fields = answerOf(query, "mine");
    await expect(stranger.ask("messages.setBotCallbackAnswer", fields)).rejects.toThrow(
      "400 QUERY_ID_INVALID",
    );
    await expect(user.ask("messages.setBotCallbackAnswer", fields)).rejects.toThrow(
      "400 USER_BOT_REQUIRED",
    );
    await client.ask("messages.setBotCallbackAnswer", fields);
    await pressed;
  });
});
