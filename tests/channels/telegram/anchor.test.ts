import { expect, it } from "vitest";
import { createCursorBench, cursorAt, message } from "../../fixtures/cursor-bench.ts";

it("an account without a cursor begins at Telegram's present state, and follows from there", async () => {
  const bench = createCursorBench(null);
  await bench.cursor.anchor();
  expect(bench.done).toEqual(["cursor", "advance 50"]);
  bench.differences.push({ kind: "last", updates: [message(1)], cursor: cursorAt(51) });
  await bench.cursor.start();
  expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:1"]);
});

it("an account with a cursor keeps it", async () => {
  const bench = createCursorBench(cursorAt(10));
  await bench.cursor.anchor();
  expect(bench.done).toEqual([]);
  expect(bench.stored).toEqual(cursorAt(10));
});
