import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createWaitingClient } from "../../../src/accounts/waiting-client.ts";
import { type AccountWaits, createAccountWaits } from "../../../src/accounts/waits.ts";
import { createSystemClock } from "../../../src/concurrency/system-clock.ts";
import type { TelegramClient } from "../../../src/ports/telegram/telegram.ts";
import { TelegramError } from "../../../src/ports/telegram/telegram-error.ts";
import {
  type ConversationBench,
  openConversationBench,
} from "../../fixtures/conversation-bench.ts";
import { faults } from "../../fixtures/test-telegram.ts";

let bench: ConversationBench;
let waits: AccountWaits;
/** Waits of the whole account that the sender asked for, in seconds. */
let silences: number[];
beforeEach(async () => {
  bench = await openConversationBench("user");
  silences = [];
  waits = createAccountWaits({
    account: "desk",
    store: { inForce: async () => new Map(), keep: async () => undefined },
    clock: createSystemClock(),
    events: { report: () => undefined },
    onOrdered: () => undefined,
  });
});
afterEach(() => bench.close());

/** As Telegram ordered before, to whichever call. */
async function order(method: string, chat: string | null): Promise<void> {
  const fault = { code: "FLOOD_WAIT", kind: "flood", waitSeconds: 600, message: "wait" } as const;
  await waits
    .call({ method, chat }, () => Promise.reject(new TelegramError(fault)))
    .catch(() => undefined);
}

const sender = () =>
  bench.makeSender({
    client: createWaitingClient(bench.telegram.client as TelegramClient, waits),
    onFlood: (seconds) => void silences.push(seconds),
  });

const held = () => bench.notes.filter((code) => code === "REPLY_HELD").length;

describe("a wait that Telegram ordered before", () => {
  it("to read histories holds up the chats that must be read, and not the account (I11)", async () => {
    await bench.commitReplies("1", "a");
    await bench.commitReplies("2", "b");
    await order("messages.getHistory", null);
    bench.telegram.onSend = () => ({ fault: faults.lost, arrives: false });
    const sending = sender();
    await sending.start();
    await expect.poll(held).toBe(2);
    bench.telegram.onSend = () => null;
    await bench.commitReplies("3", "c");
    sending.notify();
    await expect.poll(() => bench.telegram.texts("3")).toEqual(["c"]);
    expect(silences).toEqual([]);
  });

  it("for a chat holds up that chat, however many have one", async () => {
    for (const chat of ["1", "2"]) {
      await order("messages.sendMessage", `user ${chat}`);
      await bench.commitReplies(chat, "later");
    }
    await bench.commitReplies("3", "now");
    const sending = sender();
    await sending.start();
    await expect.poll(held).toBe(2);
    await expect.poll(() => bench.telegram.texts("3")).toEqual(["now"]);
    expect(silences).toEqual([]);
  });
});
