import { describe, expect, it } from "vitest";
import { orAborted } from "../../src/concurrency/or-aborted.ts";

const never = new Promise<never>(() => {});

/** A signal that counts its listeners. */
function countedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...of: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, of);
  };
  signal.removeEventListener = (...of: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, of);
  };
  return { controller, signal, listeners: () => listeners };
}

describe("waiting until something is done or given up", () => {
  it("ends with the work, and leaves no listener on the signal", async () => {
    const { signal, listeners } = countedSignal();
    await orAborted(Promise.resolve(), signal);
    await expect(orAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
    expect(listeners()).toBe(0);
  });

  it("ends when the signal aborts, or has aborted", async () => {
    const { controller, signal } = countedSignal();
    const waiting = orAborted(never, signal);
    controller.abort();
    await expect(waiting).resolves.toBeUndefined();
    await expect(orAborted(never, signal)).resolves.toBeUndefined();
  });

  it("does not mind work that fails afterwards", async () => {
    const { controller, signal } = countedSignal();
    let fail = (_error: Error) => {};
    const work = new Promise<void>((_resolve, reject) => {
      fail = reject;
    });
    const waiting = orAborted(work, signal);
    controller.abort();
    await expect(waiting).resolves.toBeUndefined();
    fail(new Error("late"));
    await new Promise(setImmediate);
  });
});
