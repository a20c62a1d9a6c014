import type { RunResult } from "./run.ts";

/** One run of custody, as a short story. */
export function describeRun({ seed, violation, faults, steps }: RunResult): string {
  if (violation === null) return `seed ${seed}: no rule was broken in ${steps} steps`;
  const { invariant, message, atMs, step } = violation;
  return [
    `seed ${seed} broke ${invariant} at ${(atMs / 1000).toFixed(3)} s, step ${step}: ${message}`,
    ...faults.map(
      (fault) =>
        `  ${(fault.atMs / 1000).toFixed(3)} s  ${fault.kind} h${fault.host + 1} for ${(fault.lastsMs / 1000).toFixed(1)} s (${fault.how.toFixed(3)})`,
    ),
    `  again, with a trace: npm run simulate -- --seed ${seed} --trace`,
  ].join("\n");
}
