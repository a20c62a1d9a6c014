import { describe, expect, it } from "vitest";
import { createHangWatch } from "../../../src/adapters/bots/hang-watch.ts";

/** Time that may pass without a timer's being run, as it does while the event loop stands still. */
function pausingClock() {
  let nowMs = 0;
  let due: { readonly atMs: number; readonly task: () => void }[] = [];
  const runDue = (): void => {
    const ready = due.filter(({ atMs }) => atMs <= nowMs);
    due = due.filter(({ atMs }) => atMs > nowMs);
    for (const { task } of ready) task();
  };
  return {
    monotonicMs: () => nowMs,
    schedule(delayMs: number, task: () => void) {
      due.push({ atMs: nowMs + delayMs, task });
      return () => undefined;
    },
    /** The loop stands still for so long; what fell due meanwhile runs once. */
    pause(ms: number) {
      nowMs += ms;
      runDue();
    },
    pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 1) this.pause(1);
    },
  };
}

function watched(hangMs = 5_000) {
  const clock = pausingClock();
  const at = { busy: true, silences: 0, hangs: 0 };
  const watch = createHangWatch({
    clock,
    hangMs,
    isBusy: () => at.busy,
    onSilent: () => void (at.silences += 1),
    onHang: () => void (at.hangs += 1),
  });
  watch.begin();
  return { clock, watch, at };
}

describe("the watch over a bot's process", () => {
  it("finds a process silent that says nothing for an eighth of a second, until it is heard", () => {
    const { clock, watch, at } = watched();
    clock.pass(100);
    expect([watch.isSilent, at.silences]).toEqual([false, 0]);
    clock.pass(25);
    expect([watch.isSilent, at.silences]).toEqual([true, 1]);
    clock.pass(1_000);
    expect(at.silences).toBe(1);
    watch.heard();
    expect(watch.isSilent).toBe(false);
    clock.pass(125);
    expect(at.silences).toBe(2);
  });

  it("finds a process late that says nothing for longer than between two beats", () => {
    const { clock, watch, at } = watched();
    clock.pass(50);
    expect(watch.isLate).toBe(false);
    clock.pass(25);
    expect([watch.isLate, watch.isSilent]).toEqual([true, false]);
    watch.heard();
    expect(watch.isLate).toBe(false);
    clock.pass(75);
    at.busy = false;
    expect(watch.isLate).toBe(false);
  });

  it("takes no pause of the node itself for the process's silence", () => {
    const { clock, watch, at } = watched();
    clock.pause(3_000);
    clock.pause(3_000);
    expect(watch.isSilent).toBe(false);
    expect(at.hangs).toBe(0);
  });

  it("expects nothing of a process without turns", () => {
    const { clock, watch, at } = watched();
    clock.pass(500);
    at.busy = false;
    expect(watch.isSilent).toBe(false);
    clock.pass(60_000);
    expect(at.hangs).toBe(0);
  });

  it.each([200, 5_000])("ends a process that says nothing for %i ms, and no sooner", (hangMs) => {
    const { clock, at } = watched(hangMs);
    clock.pass(hangMs);
    expect(at.hangs).toBe(0);
    clock.pass(50);
    expect(at.hangs).toBe(1);
  });
});
