import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { TelegramClient } from "@mtcute/core/client.js";
import { describe, expect, it } from "vitest";
import type { TelegramDc } from "../../../src/telegram-dc/telegram-dc.ts";
import type { OverlapPolicy } from "../../../src/telegram-dc/world/config.ts";
import { connectMtcute, highLevelMtcute } from "../../fixtures/telegram-dc/mtcute-client.ts";
import { createCleanup } from "../../fixtures/telegram-dc/data-centres.ts";

const ADA = "99966100001";
const cleanup = createCleanup();

async function client(dc: TelegramDc, session?: string): Promise<TelegramClient> {
  // With catchUp the updates loop runs as soon as the login has ended; without, it begins at some later moment.
  const options = {
    updates: true,
    client: { updates: { catchUp: true } },
    ...(session === undefined ? {} : { session }),
  };
  const high = highLevelMtcute(await connectMtcute(dc, options));
  cleanup.later(() => high.destroy());
  return high;
}

/** Resolves when the client has its first state; what arrives before that is not handed out. */
function caughtUp(tg: TelegramClient): Promise<void> {
  return new Promise((resolve) => {
    let isUpdating = false;
    tg.onConnectionState.add((state) => {
      if (isUpdating && state === "connected") resolve();
      isUpdating ||= state === "updating";
    });
  });
}

async function logIn(dc: TelegramDc, password = "", user = "ada"): Promise<TelegramClient> {
  const tg = await client(dc);
  const ready = caughtUp(tg);
  await tg.start({
    phone: ADA,
    code: async () => (await dc.phone.waitForCode(user, 5_000))?.code ?? "",
    codeSentCallback: () => undefined,
    password: async () => password,
    invalidCodeCallback(type) {
      throw new Error(`wrong ${type}`);
    },
  });
  await ready;
  return tg;
}

function nextText(tg: TelegramClient): Promise<string> {
  return new Promise((resolve) => {
    tg.onNewMessage.add(function once(message) {
      tg.onNewMessage.remove(once);
      resolve(message.text);
    });
  });
}

describe("unmodified mtcute", () => {
  it("logs in by code, and a second session's code arrives in the first as a message of 777000", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const first = await logIn(dc);
    expect((await first.getMe()).id).toBe(Number(ada.id));
    const arrived = nextText(first);
    const second = await client(dc);
    await second.start({
      phone: ADA,
      code: async () => /Login code: (\d+)/.exec(await arrived)?.[1] ?? "",
      codeSentCallback: () => undefined,
    });
    expect((await second.getMe()).username).toBe("ada");
    expect(dc.phone.authorisations(ada.id)).toHaveLength(2);
    expect(dc.ledger.internalErrors()).toEqual([]);
    expect(dc.ledger.unknownMethods()).toEqual({});
  });

  it("proves a cloud password by SRP, and is refused with a wrong one", async () => {
    const dc = await cleanup.dataCentre();
    dc.phone.createUser({ phone: ADA, firstName: "Eve", username: "eve", password: "secret" });
    expect((await (await logIn(dc, "secret", "eve")).getMe()).username).toBe("eve");
    await expect(logIn(dc, "wrong", "eve")).rejects.toThrow("wrong password");
  });

  it("logs in by QR code that the account's phone scans", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const tg = await client(dc);
    const me = await tg.signInQr({
      onUrlUpdated(url) {
        const token = new URL(url).searchParams.get("token") ?? "";
        dc.phone.acceptLoginToken(ada.id, Buffer.from(token, "base64url"));
      },
    });
    expect(me.username).toBe("ada");
  });

  it("talks, gets what is written to it, and recovers updates that were lost", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
    const tg = await logIn(dc);
    await tg.sendText("bob", "hello Bob");
    expect(dc.phone.messages(bob.id)).toMatchObject([{ text: "hello Bob" }]);
    const texts: string[] = [];
    const all = new Promise<void>((resolve) => {
      tg.onNewMessage.add((message) => {
        texts.push(message.text);
        if (texts.length === 6) resolve();
      });
    });
    dc.phone.send(bob.id, { peer: "ada", text: "one" });
    // mtcute waits half a second for what a small gap lacks, on a timer that at times fires a little early and is
    // then forgotten; a gap of this size it fetches at once.
    const lost = ["lost 1", "lost 2", "lost 3", "lost 4"];
    dc.phone.addFault({ kind: "lose-update", userId: ada.id, count: lost.length });
    for (const text of lost) dc.phone.send(bob.id, { peer: "ada", text });
    dc.phone.send(bob.id, { peer: "ada", text: "last" });
    await all;
    expect(texts).toEqual(["one", ...lost, "last"]);
    const history = await tg.getHistory("bob");
    expect(history.map((message) => message.text)).toEqual(
      ["hello Bob", "one", ...lost, "last"].toReversed(),
    );
  });

  it("goes on from the newest state after a gap that was too long", async () => {
    const dc = await cleanup.dataCentre({ config: { differenceGapMax: 5 } });
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
    const tg = await logIn(dc);
    dc.phone.addFault({ kind: "lose-update", userId: ada.id, count: 10 });
    for (let count = 1; count <= 10; count += 1) {
      dc.phone.send(bob.id, { peer: "ada", text: `lost ${count}` });
    }
    const askedForGap = new Promise<string>((resolve) => {
      dc.ledger.onAnswered(({ method }) => {
        if (method === "updates.getDifference") resolve(method);
      });
    });
    dc.phone.send(bob.id, { peer: "ada", text: "the gap is seen" });
    await askedForGap;
    const heard = nextText(tg);
    dc.phone.send(bob.id, { peer: "ada", text: "afterwards" });
    expect(await heard).toBe("afterwards");
  });

  it("serves a bot by its token, with buttons and their answers", async () => {
    const dc = await cleanup.dataCentre();
    const bot = dc.phone.createUser({ firstName: "Bot", username: "site_bot", bot: true });
    const ada = dc.phone.createUser({ firstName: "Ada", username: "ada" });
    const tg = await client(dc);
    const ready = caughtUp(tg);
    await tg.start({ botToken: bot.botToken ?? "" });
    await ready;
    const work: Promise<unknown>[] = [];
    tg.onNewMessage.add((message) => {
      if (message.isOutgoing) return;
      const answered = tg.answerText(message, "choose", {
        replyMarkup: {
          type: "inline",
          buttons: [[{ _: "keyboardButtonCallback", text: "Go", data: Buffer.from("go") }]],
        },
      });
      work.push(answered);
    });
    tg.onCallbackQuery.add((query) => {
      work.push(tg.answerCallbackQuery(query, { text: `got ${query.dataStr}` }));
    });
    dc.phone.send(ada.id, { peer: "site_bot", text: "/start" });
    const reply = await dc.phone.waitForMessage(ada.id, { waitMs: 5_000 });
    expect(reply).toMatchObject({ text: "choose" });
    const answer = await dc.phone.press(ada.id, { messageId: reply?.id ?? 0, button: "Go" });
    expect(answer.text).toBe("got go");
    await Promise.all(work);
  });

  it("is told of a flood wait", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const tg = await logIn(dc);
    dc.phone.addFault({
      kind: "flood",
      method: "messages.sendMessage",
      userId: ada.id,
      seconds: 600,
    });
    await expect(tg.sendText("me", "note")).rejects.toMatchObject({ text: "FLOOD_WAIT_%d" });
  });

  it.each<[OverlapPolicy | "off", boolean]>([
    ["parallel-requests", true],
    ["any-two-connections", true],
    ["by-address", false],
    ["off", false],
  ])("loses a key that two clients use in turn under %s: %s", async (overlapPolicy, dies) => {
    const dc = await cleanup.dataCentre({ config: { overlapPolicy } });
    dc.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const first = await logIn(dc);
    const second = await client(dc, await first.exportSession());
    const answers: string[] = [];
    for (const user of [second, first, second]) {
      answers.push(await user.getUsers("self").then(() => "ok", String));
    }
    expect(answers.some((answer) => answer.includes("406: AUTH_KEY_DUPLICATED"))).toBe(dies);
    expect(answers.every((answer) => answer === "ok")).toBe(!dies);
    expect(dc.ledger.overlaps()["any-two-connections"]).toBe(1);
    expect(dc.ledger.overlaps()["by-address"]).toBe(0);
  });

  it("logs out, after which its session is gone", async () => {
    const dc = await cleanup.dataCentre();
    const ada = dc.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const tg = await logIn(dc);
    await tg.logOut();
    expect(dc.phone.authorisations(ada.id)).toEqual([]);
  });

  it("comes back to its account after a restart of the data centre from its state file", async () => {
    const folder = await mkdtemp(`${tmpdir()}/telegram-dc-`);
    cleanup.later(() => rm(folder, { recursive: true }));
    const stateFile = `${folder}/state.json`;
    const before = await cleanup.dataCentre({ stateFile });
    const ada = before.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
    const first = await logIn(before);
    await first.sendText("me", "remember");
    const session = await first.exportSession();
    await first.destroy();
    await before.close();
    const after = await cleanup.dataCentre({
      stateFile,
      port: before.port,
      mediaPort: before.mediaPort,
    });
    const second = await client(after, session);
    expect((await second.getMe()).id).toBe(Number(ada.id));
    expect((await second.getHistory("me")).map((message) => message.text)).toEqual(["remember"]);
  });
});
