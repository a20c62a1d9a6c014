import { describe, expect, it } from "vitest";
import { once } from "../../src/concurrency/once.ts";

describe("work that is done once", () => {
  it("runs when it is first asked for, and answers the same to everybody", async () => {
    let runs = 0;
    const ask = once(async () => (runs += 1));
    expect(runs).toBe(0);
    expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
    expect(await ask()).toBe(1);
  });

  it("rejects for all who waited for a run that fails, and runs again when it is asked for next", async () => {
    let runs = 0;
    const ask = once(async () => {
      runs += 1;
      if (runs === 1) throw new Error("broken");
      return runs;
    });
    const both = await Promise.allSettled([ask(), ask()]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect([await ask(), await ask()]).toEqual([2, 2]);
  });
});
