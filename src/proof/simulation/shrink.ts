/** A run, as far as it can be cut down. */
export interface Shrinkable<Fault> {
  readonly faults: readonly Fault[];
  readonly violation: { readonly invariant: string } | null;
}

/**
 * The smallest list of faults that still breaks the same invariant, found by leaving out ever fewer at a time. A run
 * that breaks none is answered as it is. Idea: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing
 * input", 2002.
 * @param again the same seed with other faults
 */
export async function shrink<Fault, Run extends Shrinkable<Fault>>(
  broken: Run,
  again: (faults: readonly Fault[]) => Promise<Run>,
): Promise<Run> {
  if (broken.violation === null) return broken;
  let smallest = broken;
  for (let size = Math.ceil(broken.faults.length / 2); size >= 1; ) {
    const smaller = await withoutSome(smallest, size, again);
    if (smaller !== null) smallest = smaller;
    else size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return smallest;
}

async function withoutSome<Fault, Run extends Shrinkable<Fault>>(
  { faults, violation }: Run,
  size: number,
  again: (faults: readonly Fault[]) => Promise<Run>,
): Promise<Run | null> {
  for (let from = 0; from < faults.length; from += size) {
    const result = await again([...faults.slice(0, from), ...faults.slice(from + size)]);
    if (result.violation?.invariant === violation?.invariant) return result;
  }
  return null;
}
