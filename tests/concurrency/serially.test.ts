import { describe, expect, it } from "vitest";
import { serially } from "../../src/concurrency/serially.ts";
import { deferred } from "../fixtures/deferred.ts";
import { settled, stateOf } from "../fixtures/promise-state.ts";

describe("tasks that run serially", () => {
  it("begin in the order of the calls, each when the one before has ended", async () => {
    const alone = serially();
    const first = deferred();
    const begun: string[] = [];
    const one = alone(async () => {
      begun.push("one");
      await first.promise;
      return 1;
    });
    const two = alone(async () => {
      begun.push("two");
      return 2;
    });
    await settled();
    expect(begun).toEqual(["one"]);
    first.resolve();
    expect([await one, await two]).toEqual([1, 2]);
    expect(begun).toEqual(["one", "two"]);
  });

  it("reject for their own caller, and hold none of the later ones back", async () => {
    const alone = serially();
    const failing = alone(() => Promise.reject(new Error("broken")));
    const next = alone(async () => "goes on");
    await expect(failing).rejects.toThrow("broken");
    expect(await next).toBe("goes on");
  });

  it("are a queue of their own for each that was made", async () => {
    const [one, other] = [serially(), serially()];
    const held = one(() => new Promise(() => {}));
    expect(await other(async () => "free")).toBe("free");
    expect(await stateOf(held)).toBe("pending");
  });
});
