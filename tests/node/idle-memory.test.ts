import { expect, it } from "vitest";
import { createIdleMemory, openHeap } from "../../src/node/idle-memory.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const megabyte = 1024 * 1024;

function open() {
  const clock = createTestClock();
  const world = { used: 100 * megabyte, live: 50 * megabyte, busy: 0.04, collections: 0 };
  const memory = createIdleMemory(clock, {
    usedBytes: () => world.used,
    busyShare: () => world.busy,
    collect() {
      world.collections += 1;
      world.used = world.live;
    },
  });
  /** The node beats twice a second. */
  const pass = (ms: number): void => {
    for (let at = 0; at < ms; at += 500) {
      clock.advance(500);
      memory.look();
    }
  };
  return { world, pass };
}

it("a node that has been quiet for half a minute gives its garbage back", () => {
  const { world, pass } = open();
  pass(29_500);
  expect(world.collections).toBe(0);
  pass(500);
  expect(world).toMatchObject({ collections: 1, used: world.live });
});

it("a node that works is not held up", () => {
  const { world, pass } = open();
  world.busy = 0.2;
  pass(3_600_000);
  expect(world.collections).toBe(0);
  world.busy = 0.04;
  pass(20_000);
  expect(world.collections).toBe(0);
  pass(10_000);
  expect(world.collections).toBe(1);
});

it("is held up once in ten minutes at most, and only where enough has gathered", () => {
  const { world, pass } = open();
  pass(30_000);
  world.used = world.live + 31 * megabyte;
  pass(700_000);
  expect(world.collections).toBe(1);
  world.used = world.live + 32 * megabyte;
  pass(10_000);
  expect(world.collections).toBe(2);
  world.used = world.live + 32 * megabyte;
  pass(590_000);
  expect(world.collections).toBe(2);
  pass(10_000);
  expect(world.collections).toBe(3);
});

it("collects this process's own garbage, and leaves no such function behind", () => {
  const heap = openHeap();
  let garbage: unknown = Array.from({ length: 300_000 }, (_, at) => ({ at }));
  const before = heap.usedBytes();
  garbage = null;
  heap.collect();
  expect(garbage).toBeNull();
  expect(before - heap.usedBytes()).toBeGreaterThan(5 * megabyte);
  expect(heap.busyShare()).toBeGreaterThanOrEqual(0);
  expect("gc" in globalThis).toBe(false);
});
