import { expect, it } from "vitest";
import { createRetentionJob } from "../../../src/conversation/retention/job.ts";
import type { Removed, RetentionPolicy, RetentionStore } from "../../../src/ports/retention.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const hourMs = 3_600_000;

/** A store with so many batches of one table. */
function benchOf(batches: number) {
  const clock = createTestClock();
  const seen: string[] = [];
  let left = batches;
  let isHeld = false;
  let nextMs = 0;
  let fails = false;
  const store: RetentionStore = {
    parts: ["outbox"],
    oldest: async () => [{ table: "outbox", ageMs: 5 }],
    count: async () => [
      { table: "outbox", rows: left, bytes: left },
      { table: "turns", rows: 0, bytes: 0 },
    ],
    async remove(): Promise<Removed> {
      if (fails) throw new Error("away");
      const rows = left > 0 ? 1 : 0;
      left -= rows;
      return { table: "outbox", rows, bytes: rows * 10 };
    },
    makeMonths: async () => {
      seen.push("months");
      return 0;
    },
    take: async (_, { nowMs, isDue }) => !isHeld && (!isDue || nowMs >= nextMs),
    giveBack: async (_, atMs) => {
      nextMs = atMs;
      seen.push(`next in ${(atMs - clock.now()) / hourMs} h`);
    },
  };
  const job = createRetentionJob({
    store,
    policy: {} as RetentionPolicy,
    runner: "one",
    clock,
    figures: {
      removed: ({ rows }) => seen.push(`removed ${rows}`),
      ran: () => seen.push("ran"),
      failed: () => seen.push("failed"),
      oldest: (table, ageMs) => seen.push(`${table} ${ageMs}`),
    },
    onFault: () => {},
  });
  return {
    clock,
    job,
    seen,
    hold: (held: boolean) => (isHeld = held),
    fail: (failing: boolean) => (fails = failing),
    add: (more: number) => (left += more),
  };
}

/** Lets every promise that is due come to its end, and the rests of no length with them. */
async function settle({ clock }: ReturnType<typeof benchOf>): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) {
    await Promise.resolve();
    clock.advance(0);
  }
}

it("removes batch by batch, and looks again when the next run is due", async () => {
  const bench = benchOf(2);
  bench.job.start();
  await settle(bench);
  expect(bench.seen).toEqual([
    "months",
    "removed 1",
    "removed 1",
    "ran",
    "next in 6 h",
    "outbox 5",
  ]);
  bench.seen.length = 0;
  bench.add(1);
  bench.clock.advance(hourMs);
  await settle(bench);
  expect(bench.seen).toEqual(["months"]);
  for (let hour = 0; hour < 24; hour += 1) {
    bench.clock.advance(hourMs / 4);
    await settle(bench);
  }
  expect(bench.seen.filter((what) => what === "removed 1")).toHaveLength(1);
  await bench.job.stop();
});

it("leaves it to the host that is at it, and goes on after a failure", async () => {
  const bench = benchOf(1);
  bench.hold(true);
  bench.job.start();
  await settle(bench);
  expect(bench.seen).toEqual(["months"]);
  expect(await bench.job.run({ isDryRun: false, budgetMs: 1000 })).toBeNull();
  bench.hold(false);
  bench.fail(true);
  bench.clock.advance(hourMs / 4);
  await settle(bench);
  expect(bench.seen).toEqual(["months", "months", "next in 0.25 h", "failed"]);
  bench.fail(false);
  bench.clock.advance(hourMs / 4);
  await settle(bench);
  expect(bench.seen).toContain("removed 1");
  await bench.job.stop();
});

it("ends when its time is over, and says that there is more", async () => {
  const bench = benchOf(3);
  expect(await bench.job.run({ isDryRun: false, budgetMs: 0 })).toEqual({
    removed: [],
    more: true,
  });
  const running = bench.job.run({ isDryRun: false, budgetMs: 1000 });
  await settle(bench);
  expect(await running).toEqual({
    removed: [{ table: "outbox", rows: 3, bytes: 30 }],
    more: false,
  });
});

it("counts what would go, and removes nothing", async () => {
  const bench = benchOf(3);
  const run = await bench.job.run({ isDryRun: true, budgetMs: 1000 });
  expect(run).toEqual({ removed: [{ table: "outbox", rows: 3, bytes: 3 }], more: false });
  expect(bench.seen).toEqual([]);
});
