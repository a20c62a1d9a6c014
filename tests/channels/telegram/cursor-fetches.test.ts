import { describe, expect, it } from "vitest";
import { watchSilence } from "../../../src/channels/telegram/silence.ts";
import { countedClock } from "../../fixtures/counted-clock.ts";
import {
  counted,
  createCursorBench,
  cursorAt,
  failing,
  following,
  message,
  tap,
  uncounted,
} from "../../fixtures/cursor-bench.ts";

describe("a count of updates that falls back", () => {
  it("pushed far behind the cursor, loses no message, and Telegram is asked once (I5)", async () => {
    const bench = await following();
    for (let pts = 1; pts <= 5; pts += 1)
      bench.cursor.onUpdates([counted(pts, message(100 + pts))]);
    await bench.settled();
    const ids = ["m:101", "m:102", "m:103", "m:104", "m:105"];
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(ids);
    expect(bench.since().filter((step) => step === "cursor")).toHaveLength(1);
    expect(bench.since()).toContain("difference 10");
  });

  it("of which Telegram tells, is followed, and what came since is read back", async () => {
    const bench = createCursorBench(cursorAt(1000, 100));
    await bench.cursor.start();
    bench.state = cursorAt(41, 500);
    bench.dialogs.push({ peer: message(7).peer, topMessageId: 7, messages: [message(7)] });
    bench.cursor.onUpdates([{ update: null, pts: null, ptsCount: 0, ask: "state" }]);
    await bench.settled();
    bench.cursor.onUpdates([counted(42, message(8))]);
    await bench.settled();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:7", "m:8"]);
    expect(bench.stored).toMatchObject({ pts: 42 });
    expect(bench.notes).toEqual(["UPDATES_FELL_BACK", "UPDATE_GAP"]);
  });

  it("is not asked for after a late copy of what was given already", async () => {
    const bench = await following();
    for (let pts = 11; pts <= 30; pts += 1) bench.cursor.onUpdates([counted(pts, message(pts))]);
    await bench.settled();
    bench.cursor.onUpdates([counted(12, message(12))]);
    await bench.settled();
    expect(bench.since()).not.toContain("cursor");
    expect(bench.items).toHaveLength(20);
  });
});

describe("a silence of Telegram", () => {
  const silentMsMax = 15 * 60_000;

  it("of 15 minutes leads to a fetch, which finds a last push that was lost", async () => {
    const bench = await following();
    bench.differences.push({ kind: "last", updates: [message(1)], cursor: cursorAt(11) });
    bench.clock.advance(silentMsMax - 1);
    await bench.settled();
    expect(bench.since()).toEqual([]);
    bench.clock.advance(1);
    await bench.settled();
    expect(bench.since()).toEqual(["difference 10", "append m:1", "advance 11"]);
  });

  it("begins anew with every push", async () => {
    const bench = await following();
    bench.clock.advance(silentMsMax - 1);
    bench.cursor.onUpdates([counted(11, null)]);
    bench.clock.advance(silentMsMax - 1);
    await bench.settled();
    expect(bench.since()).toEqual(["advance 11"]);
  });

  it("is not waited for any more when its watch has stopped", () => {
    const { clock, timers } = countedClock();
    let silences = 0;
    const watch = watchSilence(clock, () => void (silences += 1));
    watch.heard();
    watch.heard();
    expect(timers()).toBe(1);
    clock.advance(silentMsMax);
    watch.stop();
    clock.advance(silentMsMax);
    expect([silences, timers()]).toEqual([1, 0]);
  });

  it("leads to nothing after a stop", async () => {
    const bench = await following();
    await bench.cursor.stop();
    bench.clock.advance(silentMsMax);
    await bench.settled();
    expect(bench.since()).toEqual([]);
  });
});

describe("a press", () => {
  it("behind a gap does not overtake the message before it (I4)", async () => {
    const bench = await following();
    bench.differences.push({ kind: "last", updates: [message(1)], cursor: cursorAt(12) });
    bench.cursor.onUpdates([counted(12, message(1))]);
    bench.cursor.onUpdates([uncounted(tap(5))]);
    await bench.settled();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:1", "tap:5:sites#900"]);
  });

  it("behind something that must be fetched waits for the fetch, which is counted", async () => {
    const bench = await following();
    bench.differences.push({ kind: "last", updates: [message(2)], cursor: cursorAt(12) });
    const asked = { update: null, pts: null, ptsCount: 0, ask: "fetch" } as const;
    bench.cursor.onUpdates([counted(11, message(1)), asked, uncounted(tap(5))]);
    await bench.settled();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual([
      "m:1",
      "m:2",
      "tap:5:sites#900",
    ]);
    expect(bench.notes).toEqual(["USER_UNKNOWN"]);
  });

  it("that waits for a fetch is stored at a stop, as Telegram gives it only once (I5)", async () => {
    const bench = await following();
    bench.faults.difference = failing({ code: "FLOOD_WAIT", kind: "flood", waitSeconds: 30 });
    bench.cursor.onUpdates([counted(12, message(1)), uncounted(tap(5))]);
    await bench.settled();
    expect(bench.items).toEqual([]);
    await bench.cursor.stop();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["tap:5:sites#900"]);
  });
});

describe("streams that have lost what they acknowledged", () => {
  it("send the cursor back to where everything had its turn, and the gap is reported (I5)", async () => {
    const bench = await following();
    bench.cursor.onUpdates([counted(11, message(1)), counted(12, message(2))]);
    await bench.settled();
    bench.settledAt = cursorAt(11);
    bench.differences.push({ kind: "last", updates: [message(2)], cursor: cursorAt(12) });
    bench.losses.lose();
    await bench.settled();
    expect(bench.since().slice(-5)).toEqual([
      "advance 11",
      "difference 11",
      "append m:2",
      "advance 12",
      "report gap",
    ]);
    const missing = ["presses of buttons, if there were any"];
    expect(bench.gaps).toEqual([{ fromPts: 11, toPts: 12, recovered: 1, missing }]);
    expect(bench.notes).toEqual(["INBOUND_LOST"]);
    expect(bench.place.losses).toBe(1);
  });

  it("while updates are fetched, send it back before any of those is stored: what was lost goes first", async () => {
    const bench = await following();
    const answer = bench.hold("difference");
    bench.cursor.onUpdates(null);
    await bench.settled();
    bench.settledAt = cursorAt(8);
    bench.losses.lose();
    const all = [message(1), message(2), message(3)];
    bench.differences.push(
      { kind: "last", updates: all.slice(2), cursor: cursorAt(11) },
      { kind: "last", updates: all, cursor: cursorAt(11) },
    );
    answer();
    await bench.settled();
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:1", "m:2", "m:3"]);
    expect(bench.since().slice(0, 4)).toEqual([
      "difference 10",
      "advance 8",
      "difference 8",
      "append m:1 m:2 m:3",
    ]);
    expect(bench.place.losses).toBe(1);
  });

  it("at its end leave what was pushed to the next client, but for a press", async () => {
    const bench = await following();
    const stored = bench.hold("append");
    bench.cursor.onUpdates([counted(11, message(1))]);
    bench.cursor.onUpdates([counted(12, message(2)), uncounted(tap(5))]);
    const stopped = bench.cursor.stop();
    bench.losses.lose();
    stored();
    await stopped;
    expect(bench.items.map(({ inboundId }) => inboundId)).toEqual(["m:1", "tap:5:sites#900"]);
  });

  it("are found at the next start, too", async () => {
    const bench = await following();
    await bench.cursor.stop();
    bench.settledAt = cursorAt(8);
    bench.losses.lose();
    bench.differences.push({ kind: "last", updates: [message(1)], cursor: cursorAt(10) });
    await bench.restarted().start();
    expect(bench.since().slice(0, 3)).toEqual(["advance 8", "difference 8", "append m:1"]);
  });

  it("cost nothing where everything had its turn", async () => {
    const bench = await following();
    bench.settledAt = cursorAt(10);
    bench.losses.lose();
    await bench.settled();
    expect(bench.since()).toEqual(["advance 10"]);
    expect([bench.notes, bench.gaps]).toEqual([[], []]);
  });

  it("send it back again when the first attempt meets a database that is away", async () => {
    const bench = await following();
    bench.settledAt = cursorAt(8);
    bench.faults.advance = new Error("the database is away");
    bench.losses.lose();
    await bench.settled();
    delete bench.faults.advance;
    bench.clock.advance(500);
    await bench.settled();
    expect(bench.since().slice(0, 2)).toEqual(["advance 8", "difference 8"]);
  });
});
