import { HoldfastError } from "../errors.ts";

/** A fault of one variable. */
export interface Fault {
  readonly variable: string;
  /** Describes the fault; never shows a secret value. */
  readonly problem: string;
  /** The remedy. */
  readonly remedy: string;
}

/** CONFIG_INVALID: every fault at once, one a line. */
export class ConfigError extends HoldfastError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const list = faults.map(
      ({ variable, problem, remedy }) => `  ${variable}: ${problem} ${remedy}`,
    );
    super({
      code: "CONFIG_INVALID",
      message: `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${list.join("\n")}`,
    });
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** Edits (insert, remove, replace) from one text to the other: Levenshtein's distance. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, left] of Array.from(from).entries()) {
    const next = [i + 1];
    for (const [j, right] of Array.from(to).entries())
      next.push(
        Math.min(
          (row[j + 1] ?? 0) + 1,
          (next[j] ?? 0) + 1,
          (row[j] ?? 0) + (left === right ? 0 : 1),
        ),
      );
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** The known name with the fewest edits. */
export function nearest(name: string, known: readonly string[]): string {
  const distance = new Map(known.map((candidate) => [candidate, editDistance(name, candidate)]));
  return known.reduce((best, candidate) =>
    (distance.get(candidate) ?? 0) < (distance.get(best) ?? 0) ? candidate : best,
  );
}
