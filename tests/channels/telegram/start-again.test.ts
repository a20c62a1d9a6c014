import { describe, expect, it } from "vitest";
import {
  counted,
  createCursorBench,
  cursorAt,
  failing,
  message,
  tap,
  uncounted,
} from "../../fixtures/cursor-bench.ts";

const peerOf = (userId: string) => ({ userId, accessHash: `${userId}0` });
const flood = failing({ code: "FLOOD_WAIT", kind: "flood", waitSeconds: 30 });

/** Another process has left a gap with one chat that is not read, after five messages. */
function withReading() {
  const bench = createCursorBench(cursorAt(10));
  const peer = peerOf("8");
  bench.dialogs.push({ peer, topMessageId: 1, messages: [message(1, { peer })] });
  const gap = { fromPts: 1, toPts: 9, sinceDate: 0, recovered: 5, missing: [] };
  bench.reading = { ...gap, unread: [peer] };
  return bench;
}

describe("a start that failed and is tried again", () => {
  it("counts what is read back of a gap once", async () => {
    const bench = withReading();
    bench.faults.history = flood;
    bench.faults.difference = failing({});
    for (let tries = 0; tries < 3; tries += 1) {
      await expect(bench.cursor.start()).rejects.toThrow("broken");
      await bench.settled();
    }
    delete bench.faults.difference;
    await bench.cursor.start();
    delete bench.faults.history;
    bench.clock.advance(30_000);
    await bench.settled();
    expect(bench.gaps).toEqual([{ fromPts: 1, toPts: 9, recovered: 6, missing: [] }]);
  });

  it("remembers how far the streams hold what was read back before it", async () => {
    const bench = withReading();
    bench.faults.difference = failing({});
    await expect(bench.cursor.start()).rejects.toThrow("broken");
    await bench.settled();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:1"]);
    delete bench.faults.difference;
    bench.differences.push({ kind: "last", updates: [], cursor: cursorAt(51) });
    await bench.cursor.start();
    expect(bench.place.positions).toEqual([1]);
  });
});

describe("an account that goes before its gap is filled", () => {
  it("keeps the presses of buttons, which no fetch brings again, and no message out of its order", async () => {
    const bench = createCursorBench(cursorAt(10));
    bench.faults.difference = failing({});
    await expect(bench.cursor.start()).rejects.toThrow("broken");
    bench.cursor.onUpdates([counted(12, message(2)), uncounted(tap(1))]);
    await bench.cursor.stop();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["tap:1:sites#900"]);
    expect(bench.done).toContain("answer 900");
    expect(bench.stored).toEqual(cursorAt(10));
  });
});
