import { describe, expect, it } from "vitest";
import { TelegramError } from "../../../src/ports/telegram/telegram-error.ts";
import {
  counted,
  createCursorBench,
  cursorAt,
  failing,
  type Message,
  message,
} from "../../fixtures/cursor-bench.ts";

const peerOf = (userId: string) => ({ userId, accessHash: `${userId}0` });
const flood = failing({ code: "FLOOD_WAIT", kind: "flood", waitSeconds: 30 });

/** Thirty chats with one missed message each, and the gap that Telegram does not fill. */
function openTown() {
  const bench = createCursorBench(cursorAt(10, 100));
  for (let n = 1; n <= 30; n += 1) {
    const peer = peerOf(String(n));
    bench.dialogs.push({ peer, topMessageId: n, messages: [message(n, { peer })] });
  }
  bench.differences.push({ kind: "too-long", pts: 5000 });
  return bench;
}

const refusal = (code: string) =>
  new TelegramError({ code, kind: "refused", message: `Telegram answered 400 ${code}` });

/** Lets the work go on, step by step, and no further than needed. */
async function until(isSo: () => boolean): Promise<void> {
  for (let steps = 0; steps < 10_000 && !isSo(); steps += 1) await Promise.resolve();
}

const idsOf = ({ items }: { readonly items: readonly { readonly inboundId: string }[] }) =>
  items.map(({ inboundId }) => inboundId);

describe("a gap that Telegram does not fill", () => {
  it("is kept before it is passed, read back chat by chat since the cursor's date, and reported", async () => {
    const bench = createCursorBench(cursorAt(10, 105));
    const [seven, eight] = [peerOf("7"), peerOf("8")];
    bench.dialogs.push(
      {
        peer: seven,
        topMessageId: 8,
        messages: [
          message(3, { peer: seven }),
          message(6, { peer: seven }),
          message(8, { peer: seven, outgoing: true }),
        ],
      },
      { peer: eight, topMessageId: 7, messages: [message(7, { peer: eight })] },
    );
    bench.differences.push({ kind: "too-long", pts: 5000 });
    await bench.cursor.start();
    await bench.settled();
    expect(bench.done.slice(0, 3)).toEqual(["difference 10", "cursor", "keep 7 8"]);
    expect(bench.done.indexOf("keep 7 8")).toBeLessThan(bench.done.indexOf("advance 5000"));
    const reading = bench.done.filter((step) => /^(append|keep|report)/.test(step));
    const read = ["keep 7 8", "append m:6", "keep 8", "append m:7", "keep", "report gap"];
    expect(reading).toEqual(read);
    expect(bench.gaps).toEqual([{ fromPts: 10, toPts: 5000, recovered: 2, missing: [] }]);
    expect(bench.notes).toEqual(["UPDATE_GAP"]);
    expect(bench.stored).toMatchObject({ pts: 5000 });
  });

  it("is read back page by page, and no further than the bound, which is said", async () => {
    const bench = createCursorBench(cursorAt(10, 0));
    const peer = peerOf("7");
    const messages = Array.from({ length: 1500 }, (_, index) => message(index + 1, { peer }));
    bench.dialogs.push({ peer, topMessageId: 1500, messages });
    bench.differences.push({ kind: "too-long", pts: 5000 });
    await bench.cursor.start();
    await bench.settled();
    const missing = ["messages of a chat before its newest 1000"];
    expect(bench.gaps).toEqual([{ fromPts: 10, toPts: 5000, recovered: 1000, missing }]);
    expect(bench.items.at(0)?.inboundId).toBe("m:501");
    expect(bench.items.at(-1)?.inboundId).toBe("m:1500");
  });

  it("is reported whole where Telegram shows no dialogs", async () => {
    const bench = createCursorBench(cursorAt(10));
    bench.faults.dialogs = refusal("CHAT_ADMIN_REQUIRED");
    bench.differences.push({ kind: "too-long", pts: 5000 });
    await bench.cursor.start();
    await bench.settled();
    const missing = ["messages of every chat, as Telegram shows this account no dialogs"];
    expect(bench.gaps).toEqual([{ fromPts: 10, toPts: 5000, recovered: 0, missing }]);
    expect(bench.stored).toMatchObject({ pts: 5000 });
  });

  it("is not passed when its chats cannot be found", async () => {
    const bench = createCursorBench(cursorAt(10));
    bench.faults.dialogs = new Error("the wire broke");
    bench.differences.push({ kind: "too-long", pts: 5000 });
    await expect(bench.cursor.start()).rejects.toThrow("the wire broke");
    expect(bench.stored).toMatchObject({ pts: 10 });
    expect(bench.gaps).toEqual([]);
  });

  it("leaves chats without news unread, and says so only where there may be more", async () => {
    const bench = createCursorBench(cursorAt(10, 100));
    for (let n = 1; n <= 100; n += 1) {
      const peer = peerOf(String(n));
      const topDate = n <= 3 ? 200 : 50;
      bench.dialogs.push({ peer, topMessageId: n, topDate, messages: [message(n, { peer })] });
    }
    bench.differences.push({ kind: "too-long", pts: 5000 });
    await bench.cursor.start();
    await bench.settled();
    expect(bench.done).toContain("keep 1 2 3");
    expect(bench.gaps).toMatchObject([{ recovered: 3, missing: [] }]);
  });
});

describe("a reading that is interrupted", () => {
  it("rests alone for a flood wait, and goes on with the next chat (I11)", async () => {
    const bench = openTown();
    await bench.cursor.start();
    await until(() => bench.items.length >= 20);
    bench.faults.history = flood;
    await bench.settled();
    const read = bench.items.length;
    expect(read).toBeLessThan(30);
    bench.cursor.onUpdates([counted(5001, message(900, { peer: peerOf("stranger") }))]);
    await bench.settled();
    expect(bench.items.at(-1)?.inboundId).toBe("m:900");
    expect(bench.stored).toMatchObject({ pts: 5001 });
    delete bench.faults.history;
    bench.clock.advance(29_000);
    await bench.settled();
    expect(bench.items).toHaveLength(read + 1);
    bench.clock.advance(1000);
    await bench.settled();
    expect(bench.items).toHaveLength(31);
    expect(bench.gaps).toMatchObject([{ recovered: 30, missing: [] }]);
  });

  it("is not begun from scratch by ten starts with twenty reads each", async () => {
    const bench = openTown();
    let reads = 0;
    for (let starts = 0; starts < 10; starts += 1) {
      const cursor = bench.restarted();
      delete bench.faults.history;
      await cursor.start();
      const from = bench.items.length;
      await until(() => bench.items.length >= Math.min(from + 20, 30));
      bench.faults.history = flood;
      await bench.settled();
      reads += bench.items.length - from;
      await cursor.stop();
    }
    expect(new Set(idsOf(bench)).size).toBe(30);
    expect(reads).toBeLessThanOrEqual(31);
    expect(bench.gaps).toHaveLength(1);
  });

  it("keeps the order of a chat: what is pushed meanwhile comes behind what was missed (I4)", async () => {
    const bench = createCursorBench(cursorAt(10, 100));
    const peer = peerOf("7");
    const chat = { peer, topMessageId: 1, messages: [message(1, { peer })] };
    bench.dialogs.push(chat);
    bench.differences.push({ kind: "too-long", pts: 5000 });
    const release = bench.hold("history");
    await bench.cursor.start();
    await bench.settled();
    chat.messages.push(message(2, { peer }));
    bench.cursor.onUpdates([counted(5001, message(2, { peer }))]);
    await bench.settled();
    expect(bench.items).toEqual([]);
    expect(bench.stored).toMatchObject({ pts: 5001 });
    release();
    await bench.settled();
    bench.cursor.onUpdates([counted(5002, message(3, { peer }))]);
    await bench.settled();
    expect([...new Set(idsOf(bench))]).toEqual(["m:1", "m:2", "m:3"]);
  });

  it("reads a chat again for what was pushed after its history was answered", async () => {
    const bench = createCursorBench(cursorAt(10, 100));
    const peer = peerOf("7");
    const chat = { peer, topMessageId: 1, messages: [message(1, { peer })] };
    bench.dialogs.push(chat);
    bench.differences.push({ kind: "too-long", pts: 5000 });
    const release = bench.hold("append");
    await bench.cursor.start();
    await bench.settled();
    chat.messages.push(message(2, { peer }));
    bench.cursor.onUpdates([counted(5001, message(2, { peer }))]);
    await bench.settled();
    release();
    await bench.settled();
    expect(idsOf(bench)).toEqual(["m:1", "m:2"]);
    expect(bench.gaps).toMatchObject([{ recovered: 2 }]);
  });
});

/**
 * A bot whose gap begins after message 1,000 of 3,000, in two chats, with outgoing messages and deleted ones between.
 */
function openBot() {
  const bench = createCursorBench(cursorAt(10, 1100));
  bench.faults.dialogs = refusal("BOT_METHOD_INVALID");
  const chats = ["7", "8"].map((userId) => ({ peer: peerOf(userId), messages: [] as Message[] }));
  for (let id = 1; id <= 3000; id += 1) {
    const isDeleted = id % 10 === 0 || (id > 500 && id < 700) || (id > 1500 && id < 1700);
    if (isDeleted) continue;
    const chat = chats[id % 2]!;
    chat.messages.push(message(id, { peer: chat.peer, outgoing: id % 3 === 0 }));
  }
  for (const chat of chats) bench.dialogs.push({ topMessageId: 0, ...chat });
  const missed = chats
    .flatMap(({ messages }) => messages)
    .filter(({ messageId, outgoing }) => messageId >= 1000 && !outgoing)
    .map(({ messageId }) => `m:${messageId}`);
  bench.differences.push({ kind: "too-long", pts: 5000 });
  return { bench, chats, missed: new Set(missed) };
}

describe("the gap of a bot, which may read no dialogs", () => {
  it("is read back by the ids of its messages, oldest first, and what ids do not give is said", async () => {
    const { bench, missed } = openBot();
    await bench.cursor.start();
    await until(() => bench.gaps.length > 0);
    const ids = bench.items.map(({ inboundId }) => Number(inboundId.slice(2)));
    expect(new Set(idsOf(bench))).toEqual(missed);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(bench.gaps).toEqual([
      {
        fromPts: 10,
        toPts: 5000,
        recovered: missed.size,
        missing: ["presses of buttons, if there were any"],
      },
    ]);
    expect(bench.reading).toBeNull();
  });

  it("goes on where it was interrupted, by another process too (I11)", async () => {
    const { bench, missed } = openBot();
    await bench.cursor.start();
    await until(() => bench.items.length >= 300);
    bench.faults.messagesById = flood;
    await bench.settled();
    await bench.cursor.stop();
    const read = bench.items.length;
    expect(Number(bench.reading?.unread[0]?.accessHash)).toBeGreaterThan(1000);
    delete bench.faults.messagesById;
    await bench.restarted().start();
    await until(() => bench.gaps.length > 0);
    expect(bench.items).toHaveLength(missed.size);
    expect(read).toBeLessThan(missed.size);
    expect(bench.gaps).toMatchObject([{ recovered: missed.size }]);
  });

  it("keeps the order of every chat: what is pushed meanwhile comes behind what was missed (I4)", async () => {
    const { bench, chats, missed } = openBot();
    const release = bench.hold("messagesById");
    await bench.cursor.start();
    const pushed = message(3001, { peer: chats[0]!.peer });
    chats[0]!.messages.push(pushed);
    bench.cursor.onUpdates([counted(5001, pushed)]);
    await bench.settled();
    expect(bench.items).toEqual([]);
    release();
    await until(() => bench.gaps.length > 0);
    expect(idsOf(bench).at(-1)).toBe("m:3001");
    expect(bench.items).toHaveLength(missed.size + 1);
    bench.cursor.onUpdates([counted(5002, message(3002, { peer: chats[1]!.peer }))]);
    await bench.settled();
    expect(idsOf(bench).at(-1)).toBe("m:3002");
  });
});
