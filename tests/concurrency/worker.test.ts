import { describe, expect, it } from "vitest";
import { createWorker } from "../../src/concurrency/worker.ts";
import { settled, stateOf } from "../fixtures/promise-state.ts";

/** A worker whose rounds end when the test says so. */
function heldWorker() {
  const rounds: { readonly end: () => void; readonly fail: (error: Error) => void }[] = [];
  const faults: unknown[] = [];
  const worker = createWorker(
    () => new Promise<void>((end, fail) => void rounds.push({ end, fail })),
    (error) => void faults.push(error),
  );
  return { worker, rounds, faults };
}

describe("a worker", () => {
  it("runs a round when it is woken, and none before", async () => {
    const { worker, rounds } = heldWorker();
    await settled();
    expect(rounds).toHaveLength(0);
    const woken = worker.wake();
    await settled();
    expect(rounds).toHaveLength(1);
    expect(await stateOf(woken)).toBe("pending");
    rounds[0]!.end();
    expect(await stateOf(woken)).toBe("resolved");
    expect(rounds).toHaveLength(1);
  });

  it("begins its round within the call that wakes it", () => {
    const { worker, rounds } = heldWorker();
    void worker.wake();
    expect(rounds).toHaveLength(1);
  });

  it("runs one more round for any number of calls during one, and only then lets them go on", async () => {
    const { worker, rounds } = heldWorker();
    void worker.wake();
    await settled();
    const meanwhile = [worker.wake(), worker.wake(), worker.wake()];
    rounds[0]!.end();
    await settled();
    expect(rounds).toHaveLength(2);
    expect(await stateOf(meanwhile[0]!)).toBe("pending");
    rounds[1]!.end();
    await Promise.all(meanwhile);
    expect(rounds).toHaveLength(2);
  });

  it("runs again when its own round wakes it, one round at a time, and has all wait for the last", async () => {
    let [running, most, runs, seen] = [0, 0, 0, 0];
    const worker = createWorker(
      async () => {
        running += 1;
        most = Math.max(most, running);
        runs += 1;
        if (runs === 1) void worker.wake().then(() => (seen = runs));
        if (runs === 2) void worker.wake();
        await settled();
        running -= 1;
      },
      () => {},
    );
    await worker.wake();
    await settled();
    expect([runs, most, seen]).toEqual([3, 1, 3]);
  });

  it("tells of a round that fails, rejects for nobody, and goes on when it is woken", async () => {
    const { worker, rounds, faults } = heldWorker();
    const woken = worker.wake();
    await settled();
    const broken = new Error("broken");
    rounds[0]!.fail(broken);
    expect(await stateOf(woken)).toBe("resolved");
    expect([rounds.length, faults]).toEqual([1, [broken]]);
    void worker.wake();
    await settled();
    expect(rounds).toHaveLength(2);
  });

  it("runs the round that was asked for during one that fails", async () => {
    const { worker, rounds, faults } = heldWorker();
    void worker.wake();
    await settled();
    void worker.wake();
    rounds[0]!.fail(new Error("broken"));
    await settled();
    expect([rounds.length, faults.length]).toEqual([2, 1]);
  });

  it("goes on after a round that throws before its first wait", async () => {
    let runs = 0;
    const faults: unknown[] = [];
    const worker = createWorker(
      () => {
        runs += 1;
        throw new Error("broken");
      },
      (error) => void faults.push(error),
    );
    await worker.wake();
    await worker.wake();
    await worker.idle();
    expect([runs, faults.length]).toEqual([2, 2]);
  });

  it("waits on a stop for the round under way, and begins none that was asked for", async () => {
    const { worker, rounds } = heldWorker();
    void worker.wake();
    await settled();
    const asked = worker.wake();
    const stopped = worker.stop();
    expect(await stateOf(stopped)).toBe("pending");
    rounds[0]!.end();
    expect([await stateOf(stopped), await stateOf(asked)]).toEqual(["resolved", "resolved"]);
    await worker.wake();
    expect(rounds).toHaveLength(1);
  });

  it("is idle when no round is under way", async () => {
    const { worker, rounds } = heldWorker();
    expect(await stateOf(worker.idle())).toBe("resolved");
    void worker.wake();
    await settled();
    const idle = worker.idle();
    expect(await stateOf(idle)).toBe("pending");
    rounds[0]!.end();
    expect(await stateOf(idle)).toBe("resolved");
  });
});
