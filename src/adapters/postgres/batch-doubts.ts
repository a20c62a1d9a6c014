/**
 * `none`: the server was away. `unknown`: it may have gone away over one of the items. `lock`: one of them waits for
 * what another transaction holds. `overrun`: one of them takes too long or too much.
 */
export type BatchDoubt = "none" | "unknown" | "lock" | "overrun";

export interface DoubtOptions {
  /** How far a retryable failure speaks against the items of its batch; by default not at all. */
  readonly doubtOf?: (error: unknown) => BatchDoubt;
  /** The error of an item that overruns alone again and again while others end well; by default it is tried on. */
  readonly unwritable?: (error: unknown) => unknown;
}

type Keyed = readonly { readonly key: string }[];

/** Which items of batches may have caused a retryable failure, by their keys. */
export interface Doubts {
  /** Whether an item is to be taken alone, so that it holds up no other. */
  isAlone(key: string): boolean;
  /** How many batches have ended well. */
  readonly endedWell: number;
  /** Nothing speaks against these any more. */
  ended(batch: Keyed, well: boolean): void;
  /**
   * A batch has failed. Answers the error to tell.
   * @param wellBefore how many batches had ended well when this one began
   */
  raised(batch: Keyed, error: unknown, wellBefore: number): unknown;
}

interface Doubt {
  /** Retryable ends, one that was given up counting for several. */
  readonly ends: number;
  /** Overruns alone, while others ended well. */
  readonly alone: number;
}

/** With so many unknown outcomes behind it, or one that was given up, an item is taken alone. */
const doubtsMax = 2;
/** So often may an item overrun alone while others end well. */
const aloneMax = 2;
/** Of a key that never comes again, such as one whose owner is elsewhere; the oldest go first. */
const keysMax = 10_000;

/** A key is remembered from its first doubtful end to its next end without doubt. */
export function createDoubts({ doubtOf = () => "none", unwritable }: DoubtOptions): Doubts {
  const doubts = new Map<string, Doubt>();
  let endedWell = 0;

  function remember(key: string, doubt: Doubt): void {
    doubts.delete(key);
    doubts.set(key, doubt);
    if (doubts.size <= keysMax) return;
    for (const oldest of doubts.keys()) {
      doubts.delete(oldest);
      break;
    }
  }

  return {
    get endedWell() {
      return endedWell;
    },
    isAlone: (key) => doubts.size > 0 && (doubts.get(key)?.ends ?? 0) >= doubtsMax,
    ended(batch, well) {
      if (well) endedWell += 1;
      if (doubts.size === 0) return;
      for (const { key } of batch) doubts.delete(key);
    },
    raised(batch, error, wellBefore) {
      const kind = doubtOf(error);
      if (kind === "none") return error;
      for (const { key } of batch) {
        const { ends, alone } = doubts.get(key) ?? { ends: 0, alone: 0 };
        const isItsOwn = kind === "overrun" && batch.length === 1 && endedWell > wellBefore;
        const more = kind === "unknown" ? 1 : doubtsMax;
        const now = { ends: ends + more, alone: alone + Number(isItsOwn) };
        remember(key, now);
        if (now.alone < aloneMax || unwritable === undefined) continue;
        doubts.delete(key);
        return unwritable(error);
      }
      return error;
    },
  };
}
