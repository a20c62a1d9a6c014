import { describe, expect, it } from "vitest";
import { untilAborted, wait, within } from "../../src/concurrency/wait.ts";
import { deferred } from "../fixtures/deferred.ts";
import { createTestClock } from "../fixtures/test-clock.ts";
import { countedClock } from "../fixtures/counted-clock.ts";
import { stateOf } from "../fixtures/promise-state.ts";

/** A signal that knows how many listen to it. */
function countedSignal() {
  const ending = new AbortController();
  const { signal } = ending;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...of: Parameters<typeof add>) => {
    listeners += 1;
    add(...of);
  };
  signal.removeEventListener = (...of: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...of);
  };
  return { signal, abort: (why?: unknown) => ending.abort(why), listeners: () => listeners };
}

describe("a wait", () => {
  it("ends when its time has passed, and not before", async () => {
    const clock = createTestClock();
    const waiting = wait(clock, 100);
    clock.advance(99);
    expect(await stateOf(waiting)).toBe("pending");
    clock.advance(1);
    expect(await stateOf(waiting)).toBe("resolved");
  });

  it("ends as soon as its signal aborts, and leaves no timer behind", async () => {
    const { clock, timers } = countedClock();
    const { signal, abort } = countedSignal();
    const waiting = wait(clock, 100, signal);
    expect(timers()).toBe(1);
    abort();
    expect(await stateOf(waiting)).toBe("resolved");
    expect(timers()).toBe(0);
  });

  it("does not begin on a signal that has aborted", async () => {
    const { clock, timers } = countedClock();
    expect(await stateOf(wait(clock, 100, AbortSignal.abort()))).toBe("resolved");
    expect(timers()).toBe(0);
  });

  it("leaves no listener on a signal that outlives it, however often it is repeated", async () => {
    const clock = createTestClock();
    const { signal, listeners } = countedSignal();
    for (let n = 0; n < 50; n += 1) {
      const waiting = wait(clock, 100, signal);
      expect(listeners()).toBe(1);
      clock.advance(100);
      await waiting;
    }
    expect(listeners()).toBe(0);
  });
});

describe("work within a time", () => {
  it("answers what the work answers, and leaves no timer behind", async () => {
    const { clock, timers } = countedClock();
    expect(await within(clock, 100, Promise.resolve("done"), () => "late")).toBe("done");
    expect(timers()).toBe(0);
  });

  it("rejects as the work does, and leaves no timer behind", async () => {
    const { clock, timers } = countedClock();
    const work = Promise.reject(new Error("broken"));
    await expect(within(clock, 100, work, () => "late")).rejects.toThrow("broken");
    expect(timers()).toBe(0);
  });

  it("answers what stands for a late one when the time has passed", async () => {
    const clock = createTestClock();
    const answer = within(clock, 100, new Promise<string>(() => {}), () => "late");
    clock.advance(99);
    expect(await stateOf(answer)).toBe("pending");
    clock.advance(1);
    expect(await answer).toBe("late");
  });

  it("rejects with what is thrown for a late one", async () => {
    const clock = createTestClock();
    const answer = within(clock, 100, new Promise<string>(() => {}), () => {
      throw new Error("too late");
    });
    clock.advance(100);
    await expect(answer).rejects.toThrow("too late");
  });

  it("takes no notice of work that fails after its time", async () => {
    const clock = createTestClock();
    const held = deferred();
    const work = held.promise.then(() => Promise.reject(new Error("broken")));
    const answer = within<string>(clock, 100, work, () => "late");
    clock.advance(100);
    held.resolve();
    expect(await answer).toBe("late");
  });
});

describe("work until a signal aborts", () => {
  it("answers as the work does, and leaves no listener behind", async () => {
    const { signal, listeners } = countedSignal();
    expect(await untilAborted(signal, Promise.resolve(1))).toBe(1);
    const broken = untilAborted(signal, Promise.reject(new Error("broken")));
    await expect(broken).rejects.toThrow("broken");
    expect(listeners()).toBe(0);
  });

  it("rejects with the signal's reason although the work goes on", async () => {
    const { signal, abort } = countedSignal();
    const work = untilAborted(signal, new Promise(() => {}));
    abort(new Error("called off"));
    await expect(work).rejects.toThrow("called off");
  });

  it("keeps a reason that is no error as the cause", async () => {
    const work = untilAborted(AbortSignal.abort("tired"), Promise.reject(new Error("broken")));
    await expect(work).rejects.toMatchObject({ message: "aborted", cause: "tired" });
  });
});
