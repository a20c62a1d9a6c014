/** One measured figure and its baseline from the same run. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline: number;
  /** `value` to `baseline`. */
  readonly ratio: number;
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

export const figure = (name: string, value: number, unit: string, baseline: number): Figure => ({
  name,
  value: round(value),
  unit,
  baseline: round(baseline),
  ratio: round(value / baseline),
});

/** The value that a `share` of the samples does not exceed. NaN without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
