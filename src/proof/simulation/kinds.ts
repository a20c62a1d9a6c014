import { describeEngineRun } from "./engine/describe.ts";
import type { EngineFault } from "./engine/engine-faults.ts";
import { type EngineRun, runEngine } from "./engine/run-engine.ts";
import { describeRun } from "./describe.ts";
import type { Fault } from "./faults.ts";
import { type RunResult, runSimulation } from "./run.ts";
import { shrink, type Shrinkable } from "./shrink.ts";
import { type Tallied, type Tally, tallyOf } from "./tally.ts";

/** What is simulated: custody, or the engine. */
export type Kind = "custody" | "engine";

/** One seed run for a person, cut down to the faults that it needs where it breaks a rule. */
interface Replayed {
  readonly isBroken: boolean;
  /** A short story. */
  readonly text: string;
  /** The same as plain data. */
  readonly run: unknown;
}

interface Simulation {
  tally(seed: number): Promise<Tally>;
  replay(seed: number, trace?: (line: string) => void): Promise<Replayed>;
}

export const kinds: Readonly<Record<Kind, Simulation>> = {
  custody: simulationOf<Fault, RunResult>(runSimulation, describeRun),
  engine: simulationOf<EngineFault, EngineRun>(runEngine, describeEngineRun),
};

function simulationOf<Ill, Run extends Tallied & Shrinkable<Ill>>(
  run: (of: {
    readonly seed: number;
    readonly faults?: readonly Ill[];
    readonly trace?: (line: string) => void;
  }) => Promise<Run>,
  describe: (run: Run) => string,
): Simulation {
  return {
    tally: async (seed) => tallyOf(await run({ seed })),
    async replay(seed, trace) {
      const found = await run({ seed, ...(trace && { trace }) });
      const smallest = await shrink<Ill, Run>(found, (faults) => run({ seed, faults }));
      return {
        isBroken: smallest.violation !== null,
        text: describe(smallest),
        run: smallest,
      };
    },
  };
}
