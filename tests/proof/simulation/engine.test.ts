import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  addCoverage,
  coverageTable,
  createCoverageBook,
} from "../../../src/proof/simulation/engine/coverage.ts";
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
    for (const event of ["renewal", "takeover", "escalation", "retention", "forget"]) {
      const times = Object.values(tally.coverage).map((row) => row[event] ?? 0);
      expect(Math.max(...times), event).toBeGreaterThan(0);
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

  it("tells which faults met a change of the fleet, and which did not", () => {
    let nowMs = 0;
    const book = createCoverageBook(() => nowMs);
    const endOfLock = book.fault("db-locked");
    nowMs = 1_000;
    book.moves("one");
    endOfLock();
    nowMs = 5_000;
    book.fault("kill")();
    book.serves("one");
    nowMs = 9_000;
    book.fault("kill")();
    book.begins("retention")();
    const found = {
      "db-locked": { times: 1, takeover: 1 },
      kill: { times: 2, takeover: 1, retention: 1 },
    };
    expect(book.found).toEqual(found);
    const sum = addCoverage(found, { kill: { times: 1, renewal: 1 } });
    expect(coverageTable(sum).split("\n")).toEqual([
      "fault      times  renewal  takeover  escalation  retention  forget",
      "db-locked      1        0         1           0          0       0",
      "kill           3        1         1           0          1       0",
    ]);
  });
});
