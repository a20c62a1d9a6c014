import { describeEngineRun } from "./engine/describe.ts";
import type { EngineFault } from "./engine/engine-faults.ts";
import { type EngineRun, runEngine } from "./engine/run-engine.ts";
import { describeRun } from "./describe.ts";
import type { Fault } from "./faults.ts";
import { type RunResult, runSimulation } from "./run.ts";
import { shrink } from "./shrink.ts";
import { type Tally, tallyOf } from "./tally.ts";

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
  custody: {
    tally: async (seed) => tallyOf(await runSimulation({ seed })),
    async replay(seed, trace) {
      const found = await runSimulation({ seed, ...(trace && { trace }) });
      const run = await shrink<Fault, RunResult>(found, (faults) =>
        runSimulation({ seed, faults }),
      );
      return { isBroken: run.violation !== null, text: describeRun(run), run };
    },
  },
  engine: {
    tally: async (seed) => tallyOf(await runEngine({ seed })),
    async replay(seed, trace) {
      const found = await runEngine({ seed, ...(trace && { trace }) });
      const run = await shrink<EngineFault, EngineRun>(found, (faults) =>
        runEngine({ seed, faults }),
      );
      return { isBroken: run.violation !== null, text: describeEngineRun(run), run };
    },
  },
};
