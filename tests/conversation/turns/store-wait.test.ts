import { beforeEach, describe, expect, it } from "vitest";
import { HoldfastError } from "../../../src/errors.ts";
import { createStoreWait, type StoreWait } from "../../../src/conversation/turns/store-wait.ts";
import { createTestClock, type TestClock } from "../../fixtures/test-clock.ts";
import { away } from "../../fixtures/test-bots.ts";

const tooSlow = new HoldfastError({
  code: "STATEMENT_TOO_SLOW",
  message: "given up",
  policy: "retryable",
});

let clock: TestClock;
let told: string[];
let database: StoreWait<string>;
let stop: AbortController;
beforeEach(() => {
  clock = createTestClock(0);
  told = [];
  stop = new AbortController();
  database = createStoreWait({
    clock,
    delayMs: 50,
    delayMsMax: 5_000,
    onHold: (error) => void told.push(`hold ${(error as HoldfastError).code}`),
    onBack: () => void told.push("back"),
    onOwnFault: (error) => void told.push(`own ${(error as HoldfastError).code}`),
  });
});

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
/** Step by step, so that each wait begins the next one. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    clock.advance(50);
    await settled();
  }
}

/** A statement that fails so until it is told otherwise. */
function openStatement(error: unknown) {
  const statement = { asked: 0, fails: true };
  const run = async () => {
    statement.asked += 1;
    if (statement.fails) throw error;
    return "done";
  };
  return { statement, take: () => database.take("someone", stop.signal, run) };
}

describe("while the database refuses", () => {
  it("one statement asks for a hundred that wait, every five seconds in the end", async () => {
    const { statement, take } = openStatement(away());
    const waiting = Promise.all(Array.from({ length: 100 }, take));
    await settled();
    expect([statement.asked, database.holds]).toEqual([100, true]);
    await pass(60_000);
    expect(statement.asked).toBeLessThan(125);
    statement.fails = false;
    await pass(5_000);
    expect(new Set(await waiting)).toEqual(new Set(["done"]));
    expect(database.holds).toBe(false);
    expect(told).toEqual(["hold DATABASE_UNAVAILABLE", "back"]);
  });

  it("whoever waits for its end goes on with it, or with the end of the host", async () => {
    const { statement, take } = openStatement(away());
    void take();
    await settled();
    const ends: string[] = [];
    void database.free(stop.signal).then(() => ends.push("back"));
    const gone = new AbortController();
    void database.free(gone.signal).then(() => ends.push("gone"));
    gone.abort();
    await settled();
    expect(ends).toEqual(["gone"]);
    statement.fails = false;
    await pass(100);
    expect(ends).toEqual(["gone", "back"]);
  });

  it("a host that stops waits for nothing and says nothing of a return", async () => {
    const { take } = openStatement(away());
    const all = Promise.all([take(), take()]);
    await settled();
    stop.abort();
    expect(await all).toEqual([null, null]);
    expect(told).toEqual(["hold DATABASE_UNAVAILABLE"]);
  });

  it("a statement that gets an answer of its own lets the others ask for themselves", async () => {
    const refused = new Error("value out of range");
    let isAway = true;
    const first = database.take("someone", stop.signal, async () => {
      throw isAway ? away() : refused;
    });
    const ended = first.catch((error: unknown) => error);
    const second = openStatement(away());
    await settled();
    const other = second.take();
    await settled();
    isAway = false;
    second.statement.fails = false;
    await pass(100);
    expect([await ended, await other]).toEqual([refused, "done"]);
    expect(told).toEqual(["hold DATABASE_UNAVAILABLE", "back"]);
  });
});

describe("a statement that does not end by a fault of its own", () => {
  it("is tried on by itself, holds nothing, and is told of once", async () => {
    const slow = openStatement(tooSlow);
    const waiting = [slow.take(), slow.take()];
    await pass(1_000);
    expect([database.holds, told]).toEqual([false, ["own STATEMENT_TOO_SLOW"]]);
    const quick = openStatement(away());
    quick.statement.fails = false;
    expect(await quick.take()).toBe("done");
    slow.statement.fails = false;
    await pass(5_000);
    expect(await Promise.all(waiting)).toEqual(["done", "done"]);
  });
});

it("an error that is final is thrown at once", async () => {
  const { statement, take } = openStatement(new Error("value out of range"));
  await expect(take()).rejects.toThrow("value out of range");
  expect([statement.asked, told]).toEqual([1, []]);
});
