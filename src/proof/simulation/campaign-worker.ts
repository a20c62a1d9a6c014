import { type Kind, kinds } from "./kinds.ts";
import { addTallies, emptyTally, type Tally } from "./tally.ts";

/** The seeds of a worker: from `first`, every `stride`-th, below `end`. */
export interface Share {
  readonly of: Kind;
  readonly first: number;
  readonly stride: number;
  readonly end: number;
}

/** A worker's report: its work since the last report, and the seed that broke a rule, if any. */
export interface Told {
  readonly tally: Tally;
  readonly brokenSeed: number | null;
}

const tellAfterSeeds = 100;

async function runShare({ of, first, stride, end }: Share): Promise<void> {
  let tally = emptyTally;
  const tell = (brokenSeed: number | null) =>
    new Promise<void>((resolve) => {
      process.send?.({ tally, brokenSeed } satisfies Told, () => resolve());
      tally = emptyTally;
    });
  for (let seed = first; seed < end; seed += stride) {
    const one = await kinds[of].tally(seed);
    tally = addTallies(tally, one);
    if (one.violations > 0) await tell(seed);
    else if (tally.seeds >= tellAfterSeeds) await tell(null);
  }
  await tell(null);
}

process.once("disconnect", () => process.exit(1));
process.once("message", (share: Share) => {
  void runShare(share).then(() => process.exit(0));
});
