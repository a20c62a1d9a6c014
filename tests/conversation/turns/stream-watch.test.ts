import { describe, expect, it } from "vitest";
import { createStreamWatch } from "../../../src/conversation/turns/stream-watch.ts";
import type { StreamLoss } from "../../../src/ports/conversation/stream-losses.ts";
import type { StreamState } from "../../../src/ports/conversation/stream-state.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const stream = (change: Partial<StreamState> = {}): StreamState => ({
  partition: 0,
  created: "monday",
  settledSeq: 90,
  lastSeq: 100,
  ...change,
});

/** A watch over streams and a memory in the test's hand. */
function openWatch() {
  const clock = createTestClock();
  const lost: StreamLoss[] = [];
  const marked: unknown[] = [];
  const faults: unknown[] = [];
  const checks: (() => Promise<void>)[] = [];
  const order: string[] = [];
  const world = {
    known: [stream()],
    found: [stream()],
    losses: 0,
    /** Another host counts a loss between this one's look and its word. */
    overtaken: false,
    fault: null as Error | null,
    /** What was acknowledged to this node. */
    acknowledged: [0],
  };
  const watch = createStreamWatch({
    incarnation: "i1",
    clock,
    onLost: (loss) => void lost.push(loss),
    onFault: (error) => void faults.push(error),
    streams: {
      onBack: (check) => void checks.push(check),
      acknowledged: () => world.acknowledged,
      forgetAcknowledged: () => void (world.acknowledged = [0]),
      async states() {
        order.push("streams");
        if (world.fault !== null) throw world.fault;
        return world.found;
      },
    },
    store: {
      async known() {
        order.push("known");
        return { losses: world.losses, streams: world.known };
      },
      async note(before, found, losses) {
        if (world.overtaken) world.losses += 1;
        if (world.losses !== before) return { losses: world.losses, isWritten: false };
        world.losses += losses.length;
        world.known = [...found];
        return { losses: world.losses, isWritten: true };
      },
      async mark(incarnation, losses, settled) {
        marked.push({ incarnation, losses, settled });
      },
    },
  });
  return Object.assign(world, {
    clock,
    lost,
    marked,
    faults,
    order,
    watch,
    back: async () => void (await Promise.all(checks.map((check) => check()))),
    settled: () => new Promise((resolve) => setImmediate(resolve)),
  });
}

describe("what a stream has lost", () => {
  async function found(stateNow: StreamState, known = [stream()]) {
    const bench = openWatch();
    bench.known = known;
    bench.found = [stateNow];
    await bench.watch.start();
    return bench.lost;
  }

  it.each([
    ["nothing, while it goes on", stream({ lastSeq: 130 }), []],
    ["nothing, while it stands", stream(), []],
    [
      "what it no longer reaches",
      stream({ lastSeq: 95 }),
      [{ partition: 0, knownSeq: 100, foundSeq: 95, messagesMax: 5 }],
    ],
    [
      "everything without a turn, when another stream stands there",
      stream({ created: "tuesday", settledSeq: 0, lastSeq: 300 }),
      [{ partition: 0, knownSeq: 100, foundSeq: 0, messagesMax: 10 }],
    ],
    [
      "no message that had its turn, however far it went back",
      stream({ lastSeq: 20 }),
      [{ partition: 0, knownSeq: 100, foundSeq: 20, messagesMax: 10 }],
    ],
  ])("is %s", async (_what, stateNow, lost) => {
    expect(await found(stateNow)).toEqual(lost);
  });

  it("cannot be known of a stream that the fleet has never seen", async () => {
    expect(await found(stream(), [stream({ created: "", lastSeq: 0 })])).toEqual([]);
  });
});

describe("the watch over the streams", () => {
  it("reads what was acknowledged before it looks at the streams, and marks what had its turn", async () => {
    const bench = openWatch();
    await bench.watch.start();
    expect(bench.order).toEqual(["known", "streams"]);
    expect(bench.marked).toEqual([{ incarnation: "i1", losses: 0, settled: [90] }]);
    expect([bench.lost, bench.watch.count]).toEqual([[], 0]);
  });

  it("finds a loss at the start, before anything follows the streams (I5)", async () => {
    const bench = openWatch();
    bench.found = [stream({ lastSeq: 95 })];
    await bench.watch.start();
    expect(bench.lost).toHaveLength(1);
    expect(bench.watch.count).toBe(1);
    expect(bench.marked).toEqual([]);
  });

  it("tells its listeners of a loss that a returning connection brings, once", async () => {
    const bench = openWatch();
    await bench.watch.start();
    let told = 0;
    const stop = bench.watch.onLoss(() => void (told += 1));
    bench.found = [stream({ created: "tuesday", settledSeq: 0, lastSeq: 0 })];
    await bench.back();
    await bench.back();
    expect([told, bench.lost.length]).toEqual([1, 1]);
    stop();
    bench.found = [stream({ created: "wednesday", settledSeq: 0, lastSeq: 0 })];
    await bench.back();
    expect([told, bench.lost.length]).toEqual([1, 2]);
  });

  it("notices within 15 s what vanishes while the connection stays", async () => {
    const bench = openWatch();
    await bench.watch.start();
    bench.found = [stream({ lastSeq: 95 })];
    bench.clock.advance(15_000);
    await bench.settled();
    expect(bench.watch.count).toBe(1);
  });

  it("reports no loss that another host has counted, but tells of it", async () => {
    const bench = openWatch();
    await bench.watch.start();
    let told = 0;
    bench.watch.onLoss(() => void (told += 1));
    bench.found = [stream({ lastSeq: 95 })];
    bench.overtaken = true;
    await bench.back();
    expect([told, bench.lost, bench.watch.count]).toEqual([1, [], 1]);
  });

  it("finds a loss of what was acknowledged to this node alone, as the webhook's messages are", async () => {
    const bench = openWatch();
    await bench.watch.start();
    bench.acknowledged = [104];
    bench.found = [stream({ lastSeq: 102 })];
    await bench.back();
    expect(bench.lost).toEqual([{ partition: 0, knownSeq: 104, foundSeq: 102, messagesMax: 2 }]);
    await bench.back();
    expect(bench.lost).toHaveLength(1);
  });

  it("forgets what was acknowledged to it before a loss that another host has counted", async () => {
    const bench = openWatch();
    await bench.watch.start();
    bench.acknowledged = [104];
    bench.losses = 1;
    bench.known = [stream({ lastSeq: 102 })];
    bench.found = [stream({ lastSeq: 102 })];
    await bench.back();
    expect([bench.lost, bench.watch.count]).toEqual([[], 1]);
  });

  it("does not start where it cannot compare, and goes on after a later fault", async () => {
    const bench = openWatch();
    bench.fault = new Error("NATS is away");
    await expect(bench.watch.start()).rejects.toThrow("NATS is away");
    bench.fault = null;
    await bench.watch.start();
    bench.fault = new Error("NATS is away");
    bench.clock.advance(15_000);
    await bench.settled();
    expect(bench.faults).toEqual([bench.fault]);
    bench.fault = null;
    bench.found = [stream({ lastSeq: 95 })];
    bench.clock.advance(15_000);
    await bench.settled();
    expect(bench.watch.count).toBe(1);
  });

  it("looks no more after a stop", async () => {
    const bench = openWatch();
    await bench.watch.start();
    await bench.watch.stop();
    bench.clock.advance(60_000);
    await bench.settled();
    expect(bench.order).toEqual(["known", "streams"]);
  });
});
