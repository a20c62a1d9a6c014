import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { runSimulation } from "../../../src/proof/simulation/run.ts";
import { addTallies, emptyTally, tallyOf } from "../../../src/proof/simulation/tally.ts";

const seeds = 150;

/** Everything that a run did, as one digest. */
async function digestOf(seed: number): Promise<string> {
  const hash = createHash("sha256");
  const result = await runSimulation({ seed, trace: (line) => hash.update(line) });
  return hash.update(JSON.stringify(result)).digest("hex");
}

describe("the simulated fleet", () => {
  it("breaks no rule, whatever goes wrong, and serves again when nothing does", async () => {
    let tally = emptyTally;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const result = await runSimulation({ seed });
      expect(result.violation, `seed ${seed}`).toBeNull();
      tally = addTallies(tally, tallyOf(result));
    }
    // A run in which nothing happens would break no rule either.
    expect(tally.underLoad).toBeGreaterThan(seeds);
    for (const [what, count] of Object.entries(tally.counts)) {
      expect(count, what).toBeGreaterThan(0);
    }
  }, 120_000);

  it("runs the same again for the same seed", async () => {
    expect(await digestOf(7)).toBe(await digestOf(7));
    expect(await digestOf(7)).not.toBe(await digestOf(8));
  });
});
