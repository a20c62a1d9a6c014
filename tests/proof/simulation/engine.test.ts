import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { runEngine } from "../../../src/proof/simulation/engine/run-engine.ts";
import { describeEngineRun } from "../../../src/proof/simulation/engine/describe.ts";
import { shrink } from "../../../src/proof/simulation/shrink.ts";
import { addTallies, emptyTally, tallyOf } from "../../../src/proof/simulation/tally.ts";

const seeds = 100;

/** Everything that a run did, as one digest. */
async function digestOf(seed: number): Promise<string> {
  const hash = createHash("sha256");
  const result = await runEngine({ seed, trace: (line) => hash.update(line) });
  return hash.update(JSON.stringify(result)).digest("hex");
}

describe("the simulated engine", () => {
  it("breaks no rule, whatever goes wrong, and brings everything to its end", async () => {
    let tally = emptyTally;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const result = await runEngine({ seed });
      expect(result.violation, `seed ${seed}`).toBeNull();
      tally = addTallies(tally, tallyOf(result));
    }
    // A run in which nothing happens would break no rule either.
    expect(tally.underLoad).toBeGreaterThan(seeds / 2);
    for (const [what, count] of Object.entries(tally.counts)) {
      expect(count, what).toBeGreaterThan(0);
    }
  }, 300_000);

  it("runs the same again for the same seed", async () => {
    expect(await digestOf(7)).toBe(await digestOf(7));
    expect(await digestOf(7)).not.toBe(await digestOf(8));
  });

  it("cuts a broken run down to the faults that it needs, and says how to run it again", async () => {
    const run = await runEngine({ seed: 9 });
    const broken = { ...run, violation: { invariant: "order", message: "one", atMs: 1 } } as const;
    const needed = run.faults.slice(0, 1);
    const smallest = await shrink<(typeof run.faults)[number], typeof run>(
      broken,
      async (faults) =>
        needed.every((fault) => faults.includes(fault))
          ? { ...broken, faults }
          : { ...run, faults },
    );
    expect(smallest.faults).toEqual(needed);
    expect(describeEngineRun(smallest)).toContain("npm run simulate -- --engine --seed 9 --trace");
  });
});
