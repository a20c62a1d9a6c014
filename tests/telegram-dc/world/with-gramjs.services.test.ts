import { Api, type TelegramClient } from "telegram";
import { returnBigInt } from "telegram/Helpers.js";
import { NewMessage, type NewMessageEvent } from "telegram/events/index.js";
import { describe, expect, it } from "vitest";
import type { TelegramDc } from "../../../src/telegram-dc/telegram-dc.ts";
import { connectGramJs } from "../../fixtures/telegram-dc/gramjs-client.ts";
import { createCleanup } from "../../fixtures/telegram-dc/data-centres.ts";

const ADA = "99966100001";
const API = { apiId: 1, apiHash: "0123456789abcdef0123456789abcdef" };
const cleanup = createCleanup();

async function client(dc: TelegramDc, session?: string): Promise<TelegramClient> {
  const tg = await connectGramJs(dc, session === undefined ? {} : { session });
  cleanup.later(() => tg.destroy());
  return tg;
}

async function logIn(dc: TelegramDc, id: bigint, password = ""): Promise<TelegramClient> {
  const tg = await client(dc);
  await tg.signInUser(API, {
    phoneNumber: ADA,
    phoneCode: async () => (await dc.phone.waitForCode(id, 5_000))?.code ?? "",
    password: async () => password,
    onError: async () => true,
  });
  return tg;
}

function incoming(tg: TelegramClient, count: number): Promise<string[]> {
  const texts: string[] = [];
  return new Promise((resolve) => {
    tg.addEventHandler(
      (event: NewMessageEvent) => {
        texts.push(event.message.message);
        if (texts.length === count) resolve(texts);
      },
      new NewMessage({ incoming: true }),
    );
  });
}

describe("unmodified GramJS", () => {
  it("logs in by code, talks, and hears what is written to it", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const bob = dc.phone.createUser({ firstName: "Bob", username: "bobby" });
    const tg = await logIn(dc, ada.id);
    expect((await tg.getMe()).username).toBe("ada");
    await tg.sendMessage("bobby", { message: "hello Bob" });
    expect(dc.phone.messages(bob.id)).toMatchObject([{ text: "hello Bob" }]);
    const heard = incoming(tg, 1);
    dc.phone.send(bob.id, { peer: "ada", text: "hello Ada" });
    expect(await heard).toEqual(["hello Ada"]);
    const history = await tg.getMessages("bobby", { limit: 5 });
    expect(Array.from(history, (message) => message.message)).toEqual(["hello Ada", "hello Bob"]);
    expect(dc.ledger.unknownMethods()).toEqual({});
    expect(dc.ledger.internalErrors()).toEqual([]);
  });

  it("gets the code of a second session as a message of the service account", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada" });
    const first = await logIn(dc, ada.id);
    const heard = incoming(first, 1);
    const second = await client(dc);
    const sent = await second.sendCode(API, ADA);
    expect(sent.isCodeViaApp).toBe(true);
    const phoneCode = /Login code: (\d+)/.exec((await heard)[0] ?? "")?.[1] ?? "";
    const fields = { phoneNumber: ADA, phoneCodeHash: sent.phoneCodeHash, phoneCode };
    const signedIn = await second.invoke(new Api.auth.SignIn(fields));
    expect(signedIn.className).toBe("auth.Authorization");
  });

  it("proves a cloud password by SRP", async () => {
    const dc = await cleanup.dataCentre();
    const eve = dc.phone.createUser({ phone: ADA, firstName: "Eve", password: "secret" });
    const tg = await logIn(dc, eve.id, "secret");
    expect((await tg.getMe()).firstName).toBe("Eve");
  });

  it("logs in by QR code that another of its sessions accepts", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada" });
    const first = await logIn(dc, ada.id);
    const second = await client(dc);
    await second.signInUserWithQrCode(API, {
      qrCode: async ({ token }) => {
        await first.invoke(new Api.auth.AcceptLoginToken({ token }));
      },
      onError: async () => true,
    });
    expect((await second.getMe()).firstName).toBe("Ada");
  });

  it("presses a bot's button and sees the answer", async () => {
    const dc = await cleanup.dataCentre();
    const bot = dc.phone.createUser({ firstName: "Bot", username: "site_bot", bot: true });
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada" });
    const robot = await client(dc);
    await robot.start({ botAuthToken: bot.botToken ?? "" });
    const work: Promise<unknown>[] = [];
    robot.addEventHandler(
      (event: NewMessageEvent) => {
        const button = new Api.KeyboardButtonCallback({ text: "Go", data: Buffer.from("go") });
        const rows = [new Api.KeyboardButtonRow({ buttons: [button] })];
        const answered = robot.sendMessage(event.message.peerId, {
          message: "choose",
          buttons: new Api.ReplyInlineMarkup({ rows }),
        });
        work.push(answered);
      },
      new NewMessage({ incoming: true }),
    );
    robot.addEventHandler((update: Api.TypeUpdate) => {
      if (!(update instanceof Api.UpdateBotCallbackQuery)) return;
      const { queryId } = update;
      const fields = { queryId, message: "done", cacheTime: 0 };
      work.push(robot.invoke(new Api.messages.SetBotCallbackAnswer(fields)));
    });
    const person = await logIn(dc, ada.id);
    const replied = dc.phone.waitForMessage(ada.id, { waitMs: 5_000 });
    await person.sendMessage("site_bot", { message: "/start" });
    const { id = 0 } = (await replied) ?? {};
    const answer = await person.invoke(
      new Api.messages.GetBotCallbackAnswer({
        peer: "site_bot",
        msgId: id,
        data: Buffer.from("go"),
      }),
    );
    expect(answer.message).toBe("done");
    await Promise.all(work);
  });

  it("is told of a flood wait, of a repeated random_id, and of the death of its key", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada" });
    const tg = await logIn(dc, ada.id);
    const randomId = returnBigInt(7);
    const send = () =>
      tg.invoke(new Api.messages.SendMessage({ peer: "me", message: "note", randomId }));
    dc.phone.addFault({ kind: "flood", method: "messages.sendMessage", seconds: 99 });
    await expect(send()).rejects.toMatchObject({ seconds: 99 });
    await send();
    await expect(send()).rejects.toMatchObject({ errorMessage: "RANDOM_ID_DUPLICATE" });
    dc.phone.addFault({ kind: "kill-key", userId: ada.id });
    await expect(send()).rejects.toMatchObject({ code: 406, errorMessage: "AUTH_KEY_DUPLICATED" });
  });

  it("lists its authorisations and logs out", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada" });
    const tg = await logIn(dc, ada.id);
    const list = await tg.invoke(new Api.account.GetAuthorizations());
    expect(list.authorizations.map((entry) => entry.current)).toEqual([true]);
    await tg.invoke(new Api.auth.LogOut());
    expect(dc.phone.authorisations(ada.id)).toEqual([]);
  });
});
