import { describe, expect, it } from "vitest";
import {
  counted,
  cursorAt,
  failing,
  following,
  message,
  tap,
  uncounted,
} from "../../fixtures/cursor-bench.ts";

describe("failures", () => {
  it("of the store leave the cursor where it was, and everything is delivered again", async () => {
    const bench = await following();
    bench.faults.advance = new Error("the database is away");
    bench.cursor.onUpdates([counted(11, message(1))]);
    await bench.settled();
    expect(bench.notes).toEqual(["UPDATES_DELAYED"]);
    delete bench.faults.advance;
    bench.differences.push({ kind: "last", updates: [message(1)], cursor: cursorAt(11) });
    bench.clock.advance(500);
    await bench.settled();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:1", "m:1"]);
    expect(bench.stored).toMatchObject({ pts: 11 });
  });

  it("are tried again after growing pauses, at once when the connection is back", async () => {
    const bench = await following();
    bench.faults.difference = failing({});
    bench.cursor.onUpdates(null);
    await bench.settled();
    bench.cursor.onUpdates([counted(11, message(1))]);
    await bench.settled();
    bench.clock.advance(500);
    await bench.settled();
    bench.clock.advance(500);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10", "difference 10"]);
    delete bench.faults.difference;
    bench.cursor.onUpdates(null);
    await bench.settled();
    expect(bench.since().at(-1)).toBe("advance 11");
  });

  it("of a flood wait last as long as Telegram said, whatever comes in between", async () => {
    const bench = await following();
    bench.faults.difference = failing({ code: "FLOOD_WAIT", kind: "flood", waitSeconds: 30 });
    bench.cursor.onUpdates(null);
    await bench.settled();
    delete bench.faults.difference;
    bench.cursor.onUpdates(null);
    bench.clock.advance(29_000);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10"]);
    bench.clock.advance(1000);
    await bench.settled();
    expect(bench.since().slice(1)).toEqual(["difference 10", "advance 10"]);
  });

  it("of a client that has ended are not tried again", async () => {
    const bench = await following();
    bench.faults.difference = failing({ code: "CLIENT_CLOSED" });
    bench.cursor.onUpdates(null);
    await bench.settled();
    bench.clock.advance(60_000);
    bench.cursor.onUpdates(null);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10"]);
    expect(bench.notes).toEqual([]);
  });

  it("do not spin while Telegram's difference lags behind its pushes", async () => {
    const bench = await following();
    bench.cursor.onUpdates([counted(12, message(2))]);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10", "advance 10"]);
    bench.differences.push({ kind: "last", updates: [message(1)], cursor: cursorAt(11) });
    bench.clock.advance(500);
    await bench.settled();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:1", "m:2"]);
  });

  it("do not spin when Telegram repeats a part that leads nowhere", async () => {
    const bench = await following();
    bench.differences.push({ kind: "part", updates: [], cursor: cursorAt(10) });
    bench.cursor.onUpdates(null);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10", "advance 10"]);
    expect(bench.notes).toEqual(["UPDATES_DELAYED"]);
  });
});

describe("a token that has moved on", () => {
  it("stops the cursor at the refused write, and says so once (I6)", async () => {
    const bench = await following();
    bench.ownsToken = false;
    bench.cursor.onUpdates([counted(11, message(1))]);
    await bench.settled();
    bench.cursor.onUpdates([counted(12, message(2))]);
    await bench.settled();
    expect(bench.tokenLost()).toBe(1);
    expect(bench.stored).toMatchObject({ pts: 10 });
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:1"]);
  });
});

describe("a stop", () => {
  it("stores what was pushed before it, and takes nothing after it", async () => {
    const bench = await following();
    const release = bench.hold("append");
    bench.cursor.onUpdates([counted(11, message(1))]);
    bench.cursor.onUpdates([counted(12, message(2)), uncounted(tap(4))]);
    const stopping = bench.cursor.stop();
    bench.cursor.onUpdates([counted(13, message(3))]);
    release();
    await stopping;
    expect(bench.since()).toEqual([
      "append m:1",
      "advance 11",
      "append m:2 tap:4:sites#900",
      "answer 900",
      "advance 12",
    ]);
  });

  it("does not wait for the pause after a failure", async () => {
    const bench = await following();
    bench.faults.difference = failing({});
    bench.cursor.onUpdates(null);
    await bench.settled();
    await bench.cursor.stop();
    bench.clock.advance(60_000);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10"]);
  });
});
