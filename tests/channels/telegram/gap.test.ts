import { describe, expect, it } from "vitest";
import { TelegramError } from "../../../src/ports/telegram/telegram-error.ts";
import { createCursorBench, cursorAt, message } from "../../fixtures/cursor-bench.ts";

const peerOf = (userId: string) => ({ userId, accessHash: `${userId}0` });

describe("a gap that Telegram does not fill", () => {
  it("is read back from the dialogs since the cursor's date, stored, reported, and only then passed", async () => {
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
    expect(bench.done).toEqual([
      "difference 10",
      "cursor",
      "append m:6 m:7",
      "report gap",
      "advance 5000",
      "difference 5000",
      "advance 5000",
    ]);
    expect(bench.gaps).toEqual([{ fromPts: 10, toPts: 5000, recovered: 2 }]);
    expect(bench.notes).toEqual(["UPDATE_GAP"]);
  });

  it("is read back page by page, and no further than the bound", async () => {
    const bench = createCursorBench(cursorAt(10, 0));
    const peer = peerOf("7");
    const messages = Array.from({ length: 1500 }, (_, index) => message(index + 1, { peer }));
    bench.dialogs.push({ peer, topMessageId: 1500, messages });
    bench.differences.push({ kind: "too-long", pts: 5000 });
    await bench.cursor.start();
    expect(bench.gaps).toEqual([{ fromPts: 10, toPts: 5000, recovered: 1000 }]);
    expect(bench.items.at(0)?.inboundId).toBe("m:501");
    expect(bench.items.at(-1)?.inboundId).toBe("m:1500");
  });

  it("is reported whole where Telegram shows no dialogs, as to bots", async () => {
    const bench = createCursorBench(cursorAt(10));
    bench.faults.dialogs = new TelegramError({
      code: "BOT_METHOD_INVALID",
      kind: "refused",
      message: "Telegram answered 400 BOT_METHOD_INVALID",
    });
    bench.differences.push({ kind: "too-long", pts: 5000 });
    await bench.cursor.start();
    expect(bench.gaps).toEqual([{ fromPts: 10, toPts: 5000, recovered: 0 }]);
    expect(bench.stored).toMatchObject({ pts: 5000 });
  });

  it("is not passed when reading back fails", async () => {
    const bench = createCursorBench(cursorAt(10));
    bench.faults.dialogs = new Error("the wire broke");
    bench.differences.push({ kind: "too-long", pts: 5000 });
    await expect(bench.cursor.start()).rejects.toThrow("the wire broke");
    expect(bench.stored).toMatchObject({ pts: 10 });
    expect(bench.gaps).toEqual([]);
  });
});
