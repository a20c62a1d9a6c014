import { describe, expect, it, vi } from "vitest";
import { createUnforeseen } from "../../src/main/unforeseen.ts";
import { deferred } from "../fixtures/deferred.ts";

function program(stop: () => Promise<void>) {
  const lines: string[] = [];
  const exit = vi.fn<() => void>();
  const met = createUnforeseen({ say: (line) => lines.push(line), stop, exit, stopMsMax: 50 });
  return { lines, exit, met };
}

describe("an error that nothing caught", () => {
  it("is said with its stack, and the program exits once it has ended in order", async () => {
    const ended = deferred();
    const { lines, exit, met } = program(() => ended.promise);
    met(new Error("left alone"));
    expect(lines[0]).toMatch(/nothing caught UNEXPECTED: Error: left alone\n +at /);
    expect(lines[1]).toContain("ends in order");
    expect(exit).not.toHaveBeenCalled();
    ended.resolve();
    await expect.poll(() => exit.mock.calls.length).toBeGreaterThan(0);
  });

  it("ends the program even where its end hangs, or fails", async () => {
    const hanging = program(() => new Promise(() => {}));
    hanging.met("no error at all");
    expect(hanging.lines[0]).toBe("nothing caught UNEXPECTED: no error at all");
    await expect.poll(() => hanging.exit.mock.calls.length).toBe(1);
    const failing = program(() => Promise.reject(new Error("no end")));
    failing.met(new Error("left alone"));
    await expect.poll(() => failing.exit.mock.calls.length).toBeGreaterThan(0);
  });

  it("begins one end, however many follow", () => {
    const stop = vi.fn<() => Promise<void>>(() => new Promise(() => {}));
    const { lines, met } = program(stop);
    met(new Error("one"));
    met(new Error("two"));
    expect(stop).toHaveBeenCalledOnce();
    expect(lines.filter((line) => line.startsWith("nothing caught"))).toHaveLength(2);
  });
});
