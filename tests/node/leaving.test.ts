import { describe, expect, it } from "vitest";
import { leave } from "../../src/node/leaving.ts";
import { deferred } from "../fixtures/deferred.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

function open() {
  const clock = createTestClock();
  const told: string[] = [];
  const handed = deferred();
  const finished = deferred();
  const ended = leave({
    host: {
      stop({ goesOn }) {
        told.push(goesOn ? "accounts go" : "accounts go, and the incarnation is over");
        return handed.promise;
      },
    },
    finishTurns() {
      told.push("turns are finished");
      return finished.promise;
    },
    clock,
    turnsMsMax: 20_000,
  }).then(() => void told.push("ended"));
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, told, handed, finished, ended, settle };
}

describe("a node that leaves", () => {
  it("finishes its turns once its accounts are gone", async () => {
    const { told, handed, settle } = open();
    await settle();
    // The incarnation stays: a beat without one ends the process.
    expect(told).toEqual(["accounts go"]);
    handed.resolve();
    await settle();
    expect(told).toEqual(["accounts go", "turns are finished"]);
  });

  it("finishes its turns beside accounts that take long", async () => {
    const { clock, told, settle } = open();
    clock.advance(999);
    await settle();
    expect(told).toEqual(["accounts go"]);
    clock.advance(1);
    await settle();
    expect(told).toEqual(["accounts go", "turns are finished"]);
  });

  it("finishes its turns although its accounts cannot be handed over", async () => {
    const told: string[] = [];
    const ended = leave({
      host: { stop: () => Promise.reject(new Error("the database is away")) },
      finishTurns: async () => void told.push("turns are finished"),
      clock: createTestClock(),
      turnsMsMax: 20_000,
    });
    await expect(ended).rejects.toThrow("the database is away");
    expect(told).toEqual(["turns are finished"]);
  });

  it("ends once both are done", async () => {
    const { told, handed, finished, ended, settle } = open();
    handed.resolve();
    await settle();
    expect(told).not.toContain("ended");
    finished.resolve();
    await ended;
    expect(told.at(-1)).toBe("ended");
  });

  it("leaves a turn that takes too long to the next owner", async () => {
    const { clock, told, handed, ended, settle } = open();
    handed.resolve();
    await settle();
    clock.advance(20_000);
    await ended;
    expect(told.at(-1)).toBe("ended");
  });

  it("waits for its accounts as long as that takes", async () => {
    const { clock, told, handed, finished, ended, settle } = open();
    finished.resolve();
    clock.advance(60_000);
    await settle();
    expect(told).not.toContain("ended");
    handed.resolve();
    await ended;
  });

  it("says what went wrong with its accounts once its turns are finished", async () => {
    const finished = deferred();
    const ended = leave({
      host: { stop: () => Promise.reject(new Error("the database is away")) },
      finishTurns: () => finished.promise,
      clock: createTestClock(),
      turnsMsMax: 20_000,
    });
    finished.resolve();
    await expect(ended).rejects.toThrow("the database is away");
  });
});
