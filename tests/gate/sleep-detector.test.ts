import { beforeEach, describe, expect, it } from "vitest";
import { watchWakefulness } from "../../src/gate/sleep-detector.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const begunMs = 1_700_000_000_000;
const clockNames = ["monotonicMs", "uptimeMs", "wallMs"] as const;

describe("whether a gate is awake", () => {
  let at: Record<(typeof clockNames)[number], number>;
  let asleepSinceMs: () => number | null;
  let awakeFor: (ms: number) => void;
  const sleep = (ms: number, clocks: readonly (typeof clockNames)[number][] = clockNames) => {
    for (const clock of clocks) at[clock] += ms;
  };

  beforeEach(() => {
    at = { monotonicMs: 0, uptimeMs: 0, wallMs: begunMs };
    const timers = createTestClock();
    const read = {
      monotonicMs: () => at.monotonicMs,
      uptimeMs: () => at.uptimeMs,
      wallMs: () => at.wallMs,
    };
    asleepSinceMs = watchWakefulness(read, timers);
    awakeFor = (ms) => {
      for (let passed = 0; passed < ms; passed += 50) {
        sleep(50);
        timers.advance(50);
      }
    };
  });

  it("is awake while its looks come in time, and a little late", () => {
    awakeFor(3_000);
    sleep(700);
    expect(asleepSinceMs()).toBeNull();
    awakeFor(200);
    expect(asleepSinceMs()).toBeNull();
  });

  it("says since when it slept before its next look as after it, and is awake again a second later", () => {
    awakeFor(3_000);
    sleep(10_000);
    expect(asleepSinceMs()).toBe(begunMs + 3_000);
    awakeFor(900);
    expect(asleepSinceMs()).toBe(begunMs + 3_000);
    awakeFor(300);
    expect(asleepSinceMs()).toBeNull();
  });

  it("takes two sleeps with hardly a moment between them for one", () => {
    awakeFor(3_000);
    sleep(5_000);
    awakeFor(400);
    sleep(5_000);
    expect(asleepSinceMs()).toBe(begunMs + 3_000);
    awakeFor(900);
    expect(asleepSinceMs()).toBe(begunMs + 3_000);
  });

  it.each(clockNames)("sleeps when %s alone says so", (clock) => {
    awakeFor(3_000);
    sleep(5_000, [clock]);
    expect(asleepSinceMs()).toBe(begunMs + 3_000);
  });
});
