import { afterEach, describe, expect, it, vi } from "vitest";
import type { BatchDoubt } from "../../../src/adapters/postgres/batch-doubts.ts";
import { createBatcher } from "../../../src/adapters/postgres/batcher.ts";
import { HoldfastError } from "../../../src/errors.ts";

interface Run {
  readonly items: readonly string[];
  answer(): void;
  fail(error: unknown): void;
}

const retryable = (code: string) => new HoldfastError({ code, message: code, policy: "retryable" });
const overrun = retryable("TOOK_TOO_LONG");
const lost = retryable("CONNECTION_LOST");
const locked = retryable("LOCKED");
const doubts = new Map<unknown, BatchDoubt>([
  [overrun, "overrun"],
  [lost, "unknown"],
  [locked, "lock"],
]);

/** Items such as "a1": key a. Every batch waits until the test answers it. */
function openBatcher(limits: {
  readonly lanes: number;
  readonly sizeMax: number;
  readonly gather?: (setOut: () => void) => void;
  readonly apartMs?: number;
  readonly unwritable?: (error: unknown) => unknown;
}) {
  const runs: Run[] = [];
  const batcher = createBatcher<string, string>({
    ...limits,
    keyOf: (item) => item[0]!,
    doubtOf: (error) => doubts.get(error) ?? "none",
    run: (items) =>
      new Promise((resolve, reject) => {
        const answer = () => resolve(items.map((item) => `${item}!`));
        runs.push({ items, answer, fail: reject });
      }),
  });
  const batches = () => runs.map(({ items }) => items.join(" "));
  return { add: (item: string) => batcher.add(item), runs, batches };
}

afterEach(() => {
  vi.useRealTimers();
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a batcher", () => {
  it("takes what is asked for at the same time together, and what comes meanwhile next", async () => {
    const { add, runs, batches } = openBatcher({ lanes: 1, sizeMax: 3 });
    const results = ["a1", "b1", "c1", "d1", "e1"].map(add);
    await turn();
    expect(batches()).toEqual(["a1 b1 c1"]);
    runs[0]!.answer();
    await turn();
    expect(batches()).toEqual(["a1 b1 c1", "d1 e1"]);
    runs[1]!.answer();
    expect(await Promise.all(results)).toEqual(["a1!", "b1!", "c1!", "d1!", "e1!"]);
  });

  it("sets out when its caller says, with what came by then", async () => {
    const { add, batches } = openBatcher({ lanes: 1, sizeMax: 3, gather: queueMicrotask });
    void add("a1");
    void add("b1");
    expect(batches()).toEqual([]);
    await Promise.resolve();
    expect(batches()).toEqual(["a1 b1"]);
  });

  it("runs as many batches at a time as it has lanes, where whole batches wait", async () => {
    const { add, batches } = openBatcher({ lanes: 2, sizeMax: 2 });
    for (const item of ["a1", "b1", "c1", "d1", "e1", "f1"]) void add(item);
    await turn();
    expect(batches()).toEqual(["a1 b1", "c1 d1"]);
  });

  it("lets what is less than a batch wait for the one under way, unless that is held up", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { add, runs, batches } = openBatcher({ lanes: 2, sizeMax: 2 });
    const first = add("a1");
    await turn();
    void add("b1");
    await turn();
    expect(batches()).toEqual(["a1"]);
    runs[0]!.answer();
    await first;
    await turn();
    expect(batches()).toEqual(["a1", "b1"]);
    void add("c1");
    await turn();
    vi.advanceTimersByTime(24);
    expect(batches()).toEqual(["a1", "b1"]);
    vi.advanceTimersByTime(1);
    expect(batches()).toEqual(["a1", "b1", "c1"]);
  });

  it("keeps batches apart where it is told to, but for whole ones", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { add, runs, batches } = openBatcher({ lanes: 1, sizeMax: 2, apartMs: 20 });
    void add("a1");
    await turn();
    runs[0]!.answer();
    void add("b1");
    await turn();
    vi.advanceTimersByTime(19);
    expect(batches()).toEqual(["a1"]);
    vi.advanceTimersByTime(1);
    expect(batches()).toEqual(["a1", "b1"]);
    runs[1]!.answer();
    for (const item of ["c1", "d1", "e1"]) void add(item);
    await turn();
    expect(batches()).toEqual(["a1", "b1", "c1 d1"]);
    runs[2]!.answer();
    await turn();
    vi.advanceTimersByTime(20);
    expect(batches()).toEqual(["a1", "b1", "c1 d1", "e1"]);
  });

  it("never has one key twice under way, and keeps its order", async () => {
    const { add, runs, batches } = openBatcher({ lanes: 2, sizeMax: 2 });
    for (const item of ["a1", "a2", "b1", "a3"]) void add(item);
    await turn();
    expect(batches()).toEqual(["a1 b1"]);
    void add("c1");
    await turn();
    expect(batches()).toEqual(["a1 b1", "c1"]);
    runs[0]!.answer();
    await turn();
    expect(batches()).toEqual(["a1 b1", "c1", "a2"]);
    runs[1]!.answer();
    runs[2]!.answer();
    await turn();
    expect(batches().at(-1)).toBe("a3");
  });

  it("halves a batch that fails until what is wrong stands alone", async () => {
    const { add, runs, batches } = openBatcher({ lanes: 1, sizeMax: 9 });
    const results = Promise.allSettled(["a1", "b1", "c1", "d1"].map(add));
    for (let looked = 0; looked < 20; looked += 1) {
      await turn();
      const run = runs.at(-1);
      if (run?.items.includes("c1") === true) run.fail(new Error("c1 is wrong"));
      else run?.answer();
    }
    expect(batches()).toEqual(["a1 b1 c1 d1", "a1 b1", "c1 d1", "c1", "d1"]);
    expect((await results).map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
  });

  it("asks nothing a second time whose outcome is unknown", async () => {
    const { add, runs, batches } = openBatcher({ lanes: 1, sizeMax: 9 });
    const results = Promise.allSettled(["a1", "b1"].map(add));
    await turn();
    const error = new HoldfastError({ code: "GONE", message: "Gone.", policy: "retryable" });
    runs[0]!.fail(error);
    expect(await results).toEqual([
      { status: "rejected", reason: error },
      { status: "rejected", reason: error },
    ]);
    expect(batches()).toEqual(["a1 b1"]);
  });

  it.each([
    ["an overrun", 1, overrun],
    ["a wait for a lock", 1, locked],
    ["two lost connections", 2, lost],
  ])(
    "takes each item of a batch alone after %s, so that none holds up another",
    async (_what, ends, error) => {
      const { add, runs, batches } = openBatcher({ lanes: 1, sizeMax: 9 });
      for (let end = 0; end < ends; end += 1) {
        const failed = Promise.allSettled(["a1", "b1", "c1"].map(add));
        await turn();
        runs.at(-1)!.fail(error);
        await failed;
      }
      const results = Promise.allSettled(["a1", "b1", "c1"].map(add));
      for (let looked = 0; looked < 20; looked += 1) {
        await turn();
        const run = runs.at(-1);
        if (run?.items.includes("b1") === true) run.fail(error);
        else run?.answer();
      }
      expect(batches().slice(ends)).toEqual(["a1", "b1", "c1"]);
      expect((await results).map(({ status }) => status)).toEqual([
        "fulfilled",
        "rejected",
        "fulfilled",
      ]);
      void add("a2");
      void add("c2");
      await turn();
      expect(batches().at(-1)).toBe("a2 c2");
    },
  );

  it.each([
    ["gives up an item that overruns alone while others end well, and no other", overrun, 1],
    ["never gives up an item that waits for a lock", locked, 0],
  ])("%s", async (_what, fault, givenUp) => {
    const wrong = new Error("it is its own fault");
    const { add, runs } = openBatcher({ lanes: 2, sizeMax: 1, unwritable: () => wrong });
    const ends: unknown[] = [];
    for (let tries = 0; tries < 4; tries += 1) {
      const slow = add("a1").catch((error: unknown) => ends.push(error));
      await turn();
      const under = runs.at(-1)!;
      if (tries > 1) {
        const beside = [add("b1"), add("c1")];
        await turn();
        runs.at(-1)!.answer();
        await beside[0];
        await turn();
        runs.at(-1)!.answer();
        await beside[1];
      }
      under.fail(fault);
      await slow;
    }
    expect(ends).toEqual([fault, fault, fault, ...(givenUp === 1 ? [wrong] : [fault])]);
  });
});
