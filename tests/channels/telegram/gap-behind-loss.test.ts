import { describe, expect, it } from "vitest";
import {
  createCursorBench,
  cursorAt,
  failing,
  message,
  type Message,
} from "../../fixtures/cursor-bench.ts";

const seven = { userId: "7", accessHash: "70" };
const everyChat = (beyondId: number) => ({ userId: "*", accessHash: String(beyondId) });

/** A reading of what came after second 110, and a chat of which the streams have lost an earlier message. */
function openReading(unread = seven) {
  const bench = createCursorBench(cursorAt(30, 130));
  const messages: Message[] = [message(5), message(20)];
  bench.dialogs.push({ peer: seven, topMessageId: 20, messages });
  bench.settledAt = cursorAt(8, 102);
  bench.reading = {
    fromPts: 12,
    toPts: 30,
    sinceDate: 110,
    unread: [unread],
    recovered: 0,
    missing: [],
  };
  return bench;
}

const again = { kind: "last", updates: [message(5), message(20)], cursor: cursorAt(30) } as const;

/** Without the copies, as the store takes each message once. */
const orderOf = ({ items }: { readonly items: readonly { readonly inboundId: string }[] }) => [
  ...new Set(items.map(({ inboundId }) => inboundId)),
];

describe("a gap that is being read back when the streams have lost what they acknowledged", () => {
  it("is read from where the cursor goes back to: what was lost goes first (I4)", async () => {
    const bench = openReading();
    bench.losses.lose();
    bench.differences.push(again);
    await bench.cursor.start();
    await bench.settled();
    expect(orderOf(bench)).toEqual(["m:5", "m:20"]);
    expect(bench.gaps).toContainEqual({ fromPts: 8, toPts: 30, recovered: 2, missing: [] });
  });

  it("is read from there also where Telegram skips the updates since", async () => {
    const bench = openReading();
    bench.losses.lose();
    bench.differences.push({ kind: "too-long", pts: 30 });
    await bench.cursor.start();
    await bench.settled();
    expect(orderOf(bench)).toEqual(["m:5", "m:20"]);
  });

  it("stores nothing of a chat that was asked for before the loss came to light", async () => {
    const bench = openReading();
    const answer = bench.hold("history");
    await bench.cursor.start();
    await bench.settled();
    bench.differences.push(again);
    const goBack = bench.hold("mark");
    bench.losses.lose();
    answer();
    await bench.settled();
    expect(bench.items).toEqual([]);
    goBack();
    await bench.settled();
    expect(orderOf(bench)).toEqual(["m:5", "m:20"]);
  });

  it("begins a chat anew whose answer comes after the cursor went back", async () => {
    const bench = openReading();
    const answer = bench.hold("history");
    await bench.cursor.start();
    await bench.settled();
    bench.differences.push(again);
    bench.losses.lose();
    await bench.settled();
    answer();
    await bench.settled();
    expect(orderOf(bench)).toEqual(["m:5", "m:20"]);
  });

  it.each([seven, everyChat(0)])(
    "leaves nothing out where the loss comes to light while a chat is stored (I5)",
    async (unread) => {
      const bench = openReading(unread);
      const stored = bench.hold("append");
      await bench.cursor.start();
      await bench.settled();
      bench.differences.push(again);
      bench.losses.lose();
      await bench.settled();
      stored();
      await bench.settled();
      expect(orderOf(bench)).toContain("m:5");
      expect(bench.items.at(-1)?.inboundId).toBe("m:20");
    },
  );

  it("is kept so before the cursor goes back, for the process that reads on", async () => {
    const bench = openReading();
    bench.losses.lose();
    bench.differences.push(again);
    bench.faults.history = failing({ code: "FLOOD_WAIT", kind: "flood", waitSeconds: 30 });
    await bench.cursor.start();
    await bench.settled();
    expect(bench.done.slice(0, 2)).toEqual(["keep 7", "advance 8"]);
    expect(bench.reading).toMatchObject({ fromPts: 8, sinceDate: 102 });
  });

  it("has no message of a bot behind it any more: those were lost as well (I5)", async () => {
    const bench = openReading(everyChat(20));
    bench.losses.lose();
    bench.differences.push(again);
    await bench.cursor.start();
    await bench.settled();
    expect(orderOf(bench)).toEqual(["m:5", "m:20"]);
  });

  it("of a bot stores no page that was asked for before the loss came to light", async () => {
    const bench = openReading(everyChat(0));
    const answer = bench.hold("messagesById");
    await bench.cursor.start();
    await bench.settled();
    bench.differences.push(again);
    bench.losses.lose();
    await bench.settled();
    answer();
    await bench.settled();
    expect(orderOf(bench)).toEqual(["m:5", "m:20"]);
  });
});
