import type { Fault } from "./faults.ts";
import { type RunResult, runSimulation } from "./run.ts";

/**
 * The smallest list of faults that still breaks the same invariant with this seed, found by leaving
 * out ever fewer at a time. Idea: Zeller and Hildebrandt, "Simplifying and isolating
 * failure-inducing input", 2002.
 */
export async function shrink(broken: RunResult): Promise<RunResult> {
  let smallest = broken;
  for (let size = Math.ceil(broken.faults.length / 2); size >= 1; ) {
    const smaller = await withoutSome(smallest, size);
    if (smaller !== null) smallest = smaller;
    else size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return smallest;
}

async function withoutSome(broken: RunResult, size: number): Promise<RunResult | null> {
  const { seed, faults, violation } = broken;
  for (let from = 0; from < faults.length; from += size) {
    const fewer: readonly Fault[] = [...faults.slice(0, from), ...faults.slice(from + size)];
    const result = await runSimulation({ seed, faults: fewer });
    if (result.violation?.invariant === violation?.invariant) return result;
  }
  return null;
}
