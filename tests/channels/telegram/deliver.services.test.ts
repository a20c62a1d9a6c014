import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TelegramFault } from "../../../src/ports/telegram/telegram.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench("bot");
});
afterEach(() => bench.close());

const refused = (code: string): TelegramFault => ({ code, kind: "refused", message: code });

const rows = () => bench.database.query("select state, failure from outbox order by id");

/** A bot's reply with a button. */
async function commitMenu(): Promise<void> {
  const engine = await bench.makeEngine({
    name: "menus",
    handle: (turn) => turn.reply("Choose", [{ label: "Yes", action: "yes" }]),
  });
  await engine.start();
  await bench.stream.append([textFrom("1", "hello")]);
  await bench.stream.emptied();
  await engine.stop();
}

describe("a reply that Telegram refuses for a part of it", () => {
  it("arrives without its buttons where these are at fault", async () => {
    bench.telegram.onSend = ({ buttons }) =>
      buttons === undefined ? null : { fault: refused("REPLY_MARKUP_TOO_LONG"), arrives: false };
    await commitMenu();
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.arrived).toMatchObject([{ text: "Choose" }]);
    expect(bench.telegram.arrived[0]?.buttons).toBeUndefined();
    expect(await rows()).toEqual([{ state: "sent", failure: null }]);
  });

  it("arrives by the chat's fresh address where that was wrong, and so does the next one at once", async () => {
    bench.telegram.dialogs = [{ peer: { userId: "1", accessHash: "99" }, topMessageId: 1 }];
    bench.telegram.onSend = ({ peer }) =>
      peer.accessHash === "99" ? null : { fault: refused("PEER_ID_INVALID"), arrives: false };
    await bench.commitReplies("1", "a", "b");
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
    expect(bench.telegram.sends).toBe(3);
  });

  it("fails where there is no other address", async () => {
    bench.telegram.onSend = () => ({ fault: refused("PEER_ID_INVALID"), arrives: false });
    await bench.commitReplies("1", "a");
    await bench.makeSender().start();
    await bench.sent();
    expect(await rows()).toEqual([{ state: "failed", failure: "PEER_ID_INVALID" }]);
    expect(bench.telegram.sends).toBe(1);
  });
});

describe("a hundred replies for one chat that Telegram fails", () => {
  it("hold up nobody else's, over real Postgres (I11)", async () => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    for (let turn = 0; turn < 5; turn += 1) {
      await bench.commitReplies("1", ...lines.map((line) => `${line} of ${turn}`));
    }
    const fault: TelegramFault = { code: "INTERDC_4_CALL_ERROR", kind: "unknown", message: "500" };
    bench.telegram.onSend = ({ peer }) => (peer.userId === "1" ? { fault, arrives: false } : null);
    const sender = bench.makeSender();
    await sender.start();
    for (let chat = 100; chat < 120; chat += 1) await bench.commitReplies(String(chat), "hello");
    sender.notify();
    await expect
      .poll(() => new Set(bench.telegram.arrived.map(({ peer }) => peer.userId)).size)
      .toBe(20);
    expect(bench.telegram.texts("1")).toEqual([]);
  });
});
