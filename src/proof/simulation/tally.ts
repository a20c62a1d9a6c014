import { addCoverage, type Coverage } from "./engine/coverage.ts";

/** A run, of whatever is simulated. */
export interface Tallied {
  readonly steps: number;
  /** Calls that Telegram has answered, or replies that have arrived. */
  readonly answered: number;
  readonly faults: readonly unknown[];
  /** Faults that came while calls were in flight, or turns and replies were open. */
  readonly underLoad: number;
  readonly violation: unknown;
  readonly counts: Readonly<Record<string, number>>;
  /** How often each fault came, and what it met; absent where that is not told. */
  readonly coverage?: Coverage;
  readonly recoveredMs: number | null;
}

/** The sum over many runs: a simulation in which nothing happens proves nothing. */
export interface Tally {
  readonly seeds: number;
  readonly steps: number;
  readonly answered: number;
  readonly faults: number;
  readonly underLoad: number;
  readonly violations: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly coverage: Coverage;
  /**
   * The longest time from the last fault until everything was served, in milliseconds of virtual
   * time.
   */
  readonly recoveredMsMax: number;
}

export const emptyTally: Tally = {
  seeds: 0,
  steps: 0,
  answered: 0,
  faults: 0,
  underLoad: 0,
  violations: 0,
  counts: {},
  coverage: {},
  recoveredMsMax: 0,
};

export const tallyOf = (run: Tallied): Tally => ({
  seeds: 1,
  steps: run.steps,
  answered: run.answered,
  faults: run.faults.length,
  underLoad: run.underLoad,
  violations: run.violation === null ? 0 : 1,
  counts: run.counts,
  coverage: run.coverage ?? {},
  recoveredMsMax: run.recoveredMs ?? 0,
});

export function addTallies(a: Tally, b: Tally): Tally {
  const names = new Set([...Object.keys(a.counts), ...Object.keys(b.counts)]);
  return {
    seeds: a.seeds + b.seeds,
    steps: a.steps + b.steps,
    answered: a.answered + b.answered,
    faults: a.faults + b.faults,
    underLoad: a.underLoad + b.underLoad,
    violations: a.violations + b.violations,
    counts: Object.fromEntries(
      [...names].map((name) => [name, (a.counts[name] ?? 0) + (b.counts[name] ?? 0)]),
    ),
    coverage: addCoverage(a.coverage, b.coverage),
    recoveredMsMax: Math.max(a.recoveredMsMax, b.recoveredMsMax),
  };
}
