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
  it("hands its accounts over once its turns are finished", async () => {
    const { told, finished, settle } = open();
    await settle();
    expect(told).toEqual(["turns are finished"]);
    finished.resolve();
    await settle();
    expect(told).toEqual(["turns are finished", "accounts go"]);
  });

  it("lets no turn that takes long hold its accounts up", async () => {
    const { clock, told, settle } = open();
    clock.advance(499);
    await settle();
    expect(told).toEqual(["turns are finished"]);
    clock.advance(1);
    await settle();
    // The incarnation stays meanwhile: a beat without one ends the process.
    expect(told).toEqual(["turns are finished", "accounts go"]);
  });

  it("hands its accounts over although its turns cannot be finished", async () => {
    const told: string[] = [];
    const ended = leave({
      host: { stop: async () => void told.push("accounts go") },
      finishTurns: () => Promise.reject(new Error("NATS is away")),
      clock: createTestClock(),
      turnsMsMax: 20_000,
    });
    await expect(ended).rejects.toThrow("NATS is away");
    expect(told).toEqual(["accounts go"]);
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
    clock.advance(500);
    await settle();
    clock.advance(19_500);
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
