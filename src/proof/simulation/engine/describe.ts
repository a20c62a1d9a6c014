import type { EngineRun } from "./run-engine.ts";

/** One run of the engine, as a short story. */
export function describeEngineRun({ seed, violation, faults, steps }: EngineRun): string {
  if (violation === null) return `seed ${seed}: no rule was broken in ${steps} steps`;
  const { invariant, message, atMs } = violation;
  return [
    `seed ${seed} broke ${invariant} at ${(atMs / 1000).toFixed(3)} s: ${message}`,
    ...faults.map(
      (fault) =>
        `  ${(fault.atMs / 1000).toFixed(3)} s  ${fault.kind} for ${(fault.lastsMs / 1000).toFixed(1)} s (${fault.whom.toFixed(3)}, ${fault.how.toFixed(3)})`,
    ),
    `  again, with a trace: npm run simulate -- --engine --seed ${seed} --trace`,
  ].join("\n");
}
