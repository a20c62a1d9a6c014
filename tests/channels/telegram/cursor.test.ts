import { describe, expect, it } from "vitest";
import {
  counted,
  createCursorBench,
  cursorAt,
  failing,
  fleetsUser,
  following,
  message,
  tap,
  uncounted,
} from "../../fixtures/cursor-bench.ts";

describe("the start of the update cursor", () => {
  it("given no stored cursor, stores Telegram's own before it follows", async () => {
    const bench = createCursorBench(null);
    await bench.cursor.start();
    expect(bench.done).toEqual(["cursor", "advance 50", "difference 50", "advance 50"]);
  });

  it("given a stored cursor, fetches what was missed since, part by part, before it resolves", async () => {
    const bench = createCursorBench(cursorAt(10));
    bench.differences.push(
      { kind: "part", updates: [message(1)], cursor: cursorAt(11) },
      { kind: "last", updates: [message(2)], cursor: cursorAt(12) },
    );
    await bench.cursor.start();
    expect(bench.done).toEqual([
      "difference 10",
      "append m:1",
      "advance 11",
      "difference 11",
      "append m:2",
      "advance 12",
    ]);
  });

  it("given pushes during the first fetch, takes them after it", async () => {
    const bench = createCursorBench(cursorAt(10));
    const release = bench.hold("difference");
    const starting = bench.cursor.start();
    bench.cursor.onUpdates([counted(11, message(1))]);
    await bench.settled();
    expect(bench.done).toEqual(["difference 10"]);
    release();
    await starting;
    await bench.settled();
    expect(bench.done.slice(-2)).toEqual(["append m:1", "advance 11"]);
  });

  it("rejects when the first fetch fails, so that the slot is not taken for caught up", async () => {
    const bench = createCursorBench(cursorAt(10));
    bench.faults.difference = failing({});
    await expect(bench.cursor.start()).rejects.toThrow("CONNECTION_LOST");
  });

  it("rejects when the token has moved on", async () => {
    const bench = createCursorBench(null);
    bench.ownsToken = false;
    await expect(bench.cursor.start()).rejects.toMatchObject({ code: "TOKEN_LOST" });
  });
});

describe("pushes", () => {
  it("that fit are stored in the stream before the cursor moves, and need no fetch (I5)", async () => {
    const bench = await following();
    const release = bench.hold("append");
    bench.cursor.onUpdates([counted(11, message(1)), counted(12, message(2))]);
    await bench.settled();
    expect(bench.stored).toMatchObject({ pts: 10 });
    release();
    await bench.settled();
    expect(bench.since()).toEqual(["append m:1 m:2", "advance 12"]);
  });

  it("that lie behind the cursor are dropped", async () => {
    const bench = await following();
    bench.cursor.onUpdates([counted(9, message(1)), counted(10, message(2))]);
    await bench.settled();
    expect(bench.since()).toEqual([]);
  });

  it("behind a gap wait for one fetch, and are then dropped or taken", async () => {
    const bench = await following();
    bench.differences.push({
      kind: "last",
      updates: [message(1), message(2)],
      cursor: cursorAt(12),
    });
    const release = bench.hold("difference");
    bench.cursor.onUpdates([counted(12, message(2))]);
    bench.cursor.onUpdates([counted(13, message(3))]);
    bench.cursor.onUpdates(null);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10"]);
    release();
    await bench.settled();
    const inOrder = bench.items.map(({ inboundId }) => inboundId);
    expect(inOrder).toEqual(["m:1", "m:2", "m:3"]);
    expect(bench.stored).toMatchObject({ pts: 13 });
  });

  it("of several counts fit when they end where they should", async () => {
    const bench = await following();
    bench.cursor.onUpdates([counted(13, null, 3), counted(14, message(1))]);
    await bench.settled();
    expect(bench.since()).toEqual(["append m:1", "advance 14"]);
  });

  it("that say nothing, or what the account sent itself, move the cursor and make no item", async () => {
    const bench = await following();
    bench.cursor.onUpdates([counted(11, null), counted(12, message(1, { outgoing: true }))]);
    await bench.settled();
    expect(bench.since()).toEqual(["advance 12"]);
    expect(bench.unheard).toEqual(["own"]);
  });

  it("of the account itself and of deleted users make no item, and their reasons are told", async () => {
    const bench = await following();
    bench.cursor.onUpdates([
      counted(11, message(1, { sender: "self" })),
      counted(12, message(2, { sender: "deleted" })),
    ]);
    await bench.settled();
    expect(bench.since()).toEqual(["advance 12"]);
    expect(bench.unheard).toEqual(["saved", "deleted"]);
  });

  it("of bots and of the fleet's own accounts make items that say so", async () => {
    const bench = await following();
    const peer = { userId: fleetsUser, accessHash: "1" };
    bench.cursor.onUpdates([
      counted(11, message(1, { sender: "bot" })),
      counted(12, message(2, { sender: "bot", peer })),
      counted(13, message(3)),
    ]);
    await bench.settled();
    expect(bench.items.map(({ sender }) => sender)).toEqual(["bot", "fleet", undefined]);
    expect(bench.unheard).toEqual([]);
  });

  it("that must be fetched are fetched", async () => {
    const bench = await following();
    bench.cursor.onUpdates(null);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10", "advance 10"]);
  });

  it("that ask for a fetch during a fetch are answered by another, without a pause", async () => {
    const bench = await following();
    bench.cursor.onUpdates(null);
    bench.cursor.onUpdates(null);
    await bench.settled();
    const fetchOnce = ["difference 10", "advance 10"];
    expect(bench.since()).toEqual([...fetchOnce, ...fetchOnce]);
    expect(bench.notes).toEqual([]);
  });

  it("beyond the bound collapse into one fetch, and taps among them are kept", async () => {
    const bench = await following();
    const release = bench.hold("append");
    bench.differences.push({ kind: "last", updates: [], cursor: cursorAt(1099) });
    bench.cursor.onUpdates([counted(11, message(1))]);
    bench.cursor.onUpdates([uncounted(tap(5))]);
    for (let pts = 12; pts < 1100; pts += 1) bench.cursor.onUpdates([counted(pts, message(pts))]);
    release();
    await bench.settled();
    expect(bench.since().filter((step) => step.startsWith("difference"))).toHaveLength(1);
    expect(bench.items.some(({ inboundId }) => inboundId === "tap:5:sites#900")).toBe(true);
    expect(bench.items.length).toBeLessThan(1100);
  });

  it("make items that name the chat user, the peer and a durable id", async () => {
    const bench = await following();
    bench.cursor.onUpdates([counted(11, message(1)), uncounted(tap(4, "site:2"))]);
    await bench.settled();
    const peer = { userId: "7", accessHash: "70" };
    const common = { channel: "telegram", account: "ada", chatUser: "7", peer };
    expect(bench.items).toMatchObject([
      { ...common, inboundId: "m:1", kind: "text", text: "text 1" },
      { ...common, inboundId: "tap:4:site:2#900", kind: "tap", text: "site:2" },
    ]);
  });
});

describe("taps", () => {
  it("are answered only after the stream has acknowledged them", async () => {
    const bench = await following();
    const release = bench.hold("append");
    bench.cursor.onUpdates([uncounted(tap(4))]);
    await bench.settled();
    expect(bench.since()).toEqual([]);
    release();
    await bench.settled();
    expect(bench.since()).toEqual(["append tap:4:sites#900", "answer 900"]);
  });

  it("of one choice are one while the first is open and for a second after it, and then another", async () => {
    const bench = await following();
    const press = async (queryId: string) => {
      bench.cursor.onUpdates([uncounted(tap(4, "sites", queryId))]);
      await bench.settled();
    };
    const release = bench.hold("append");
    await press("901");
    await press("902");
    release();
    await bench.settled();
    bench.clock.advance(900);
    await press("903");
    bench.clock.advance(1000);
    await press("904");
    const ids = bench.items.map(({ inboundId }) => inboundId);
    expect(ids.slice(0, -1).every((id) => id === "tap:4:sites#901")).toBe(true);
    expect(ids.at(-1)).toBe("tap:4:sites#904");
    expect(bench.since().filter((step) => step.startsWith("answer"))).toHaveLength(4);
  });

  it("are not lost when the stream fails, as Telegram gives them only once (I5)", async () => {
    const bench = await following();
    bench.faults.append = new Error("the stream is away");
    bench.cursor.onUpdates([uncounted(tap(4)), counted(11, message(1))]);
    bench.cursor.onUpdates([uncounted(tap(5))]);
    await bench.settled();
    expect(bench.items).toEqual([]);
    bench.cursor.onUpdates([uncounted(tap(6))]);
    delete bench.faults.append;
    bench.differences.push({ kind: "last", updates: [message(1)], cursor: cursorAt(11) });
    bench.clock.advance(500);
    await bench.settled();
    const ids = bench.items.map(({ inboundId }) => inboundId).toSorted();
    expect(ids).toEqual(["m:1", "tap:4:sites#900", "tap:5:sites#900", "tap:6:sites#900"]);
  });
});
