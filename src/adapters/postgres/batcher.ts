import { HoldfastError } from "../../errors.ts";

/**
 * `none`: the server was away. `unknown`: it may have gone away over one of the items. `lock`: one of them waits for
 * what another transaction holds. `overrun`: one of them takes too long or too much.
 */
export type BatchDoubt = "none" | "unknown" | "lock" | "overrun";

export interface BatcherOptions<Item, Result> {
  /** Batches that run at the same time: each takes one connection. */
  readonly lanes: number;
  /** Items of one batch at most. */
  readonly sizeMax: number;
  /** Items with one key are never in one batch, nor in two at a time; those of a key keep their order. */
  keyOf(item: Item): string;
  /**
   * Decides when the first request after a pause sets out. By default after this turn of the event
   * loop, so that all requests of that turn go together.
   */
  readonly gather?: (setOut: () => void) => void;
  /**
   * One result for each item, in order. Or one rejection for all: nothing of the batch took effect.
   */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** How far a retryable failure speaks against the items of its batch; by default not at all. */
  readonly doubtOf?: (error: unknown) => BatchDoubt;
  /** The error of an item that overruns alone again and again while others end well; by default the item is tried on. */
  readonly unwritable?: (error: unknown) => unknown;
}

/** Gathers simultaneous requests into few statements. */
export interface Batcher<Item, Result> {
  add(item: Item): Promise<Result>;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly key: string;
  resolve(result: Result): void;
  reject(error: unknown): void;
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

/** Batches that take longer wait for a lock or a disk: the next one does not wait for them. */
const heldUpMs = 25;

/**
 * Flushes as soon as nothing runs, so that a batch grows while the one before it runs. Another lane
 * is taken where a whole batch waits, or where the running ones are held up: one statement at a
 * time leaves the machine's cores to others. A failed batch is halved until the faulty item stands
 * alone; one with an unknown outcome is not. An item that may have caused such outcomes is taken alone, so that it does not hold
 * up those beside it.
 */
export function createBatcher<Item, Result>(
  options: BatcherOptions<Item, Result>,
): Batcher<Item, Result> {
  const { lanes, sizeMax, keyOf, run, gather = setImmediate } = options;
  const { doubtOf = () => "none", unwritable } = options;
  const busy = new Set<string>();
  /** By key; a key is there from its first doubtful end to its next end without doubt. */
  const doubts = new Map<string, Doubt>();
  let endedWell = 0;
  let queue: Waiting<Item, Result>[] = [];
  let idleLanes = lanes;
  let isHeldUp = false;
  let watch: NodeJS.Timeout | undefined;
  let isScheduled = false;

  function takeBatch(): Waiting<Item, Result>[] {
    const batch: Waiting<Item, Result>[] = [];
    const kept: Waiting<Item, Result>[] = [];
    let looked = 0;
    for (const one of queue) {
      if (batch.length === sizeMax) break;
      const isAlone = isDoubtful(one.key);
      if (isAlone && batch.length > 0) break;
      looked += 1;
      if (busy.has(one.key)) kept.push(one);
      else if (isAlone) {
        busy.add(one.key);
        batch.push(one);
        break;
      } else {
        busy.add(one.key);
        batch.push(one);
      }
    }
    queue = kept.length === 0 ? queue.slice(looked) : [...kept, ...queue.slice(looked)];
    return batch;
  }

  const isDoubtful = (key: string): boolean =>
    doubts.size > 0 && (doubts.get(key)?.ends ?? 0) >= doubtsMax;

  function clear(batch: readonly Waiting<Item, Result>[]): void {
    if (doubts.size === 0) return;
    for (const { key } of batch) doubts.delete(key);
  }

  /** @param wellBefore how many batches had ended well when this one began */
  function doubt(batch: readonly Waiting<Item, Result>[], error: unknown, wellBefore: number) {
    const kind = doubtOf(error);
    if (kind === "none") return error;
    for (const { key } of batch) {
      const { ends, alone } = doubts.get(key) ?? { ends: 0, alone: 0 };
      const isItsOwn = kind === "overrun" && batch.length === 1 && endedWell > wellBefore;
      const more = kind === "unknown" ? 1 : doubtsMax;
      const now = { ends: ends + more, alone: alone + Number(isItsOwn) };
      doubts.set(key, now);
      if (now.alone < aloneMax || unwritable === undefined) continue;
      doubts.delete(key);
      return unwritable(error);
    }
    return error;
  }

  async function settle(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const wellBefore = endedWell;
    try {
      const results = await run(batch.map(({ item }) => item));
      endedWell += 1;
      clear(batch);
      for (const [index, one] of batch.entries()) one.resolve(results[index]!);
    } catch (error) {
      const isUnknown = error instanceof HoldfastError && error.policy === "retryable";
      if (batch.length === 1 || isUnknown) {
        const told = isUnknown ? doubt(batch, error, wellBefore) : error;
        if (!isUnknown) clear(batch);
        for (const one of batch) one.reject(told);
        return;
      }
      const middle = Math.ceil(batch.length / 2);
      await settle(batch.slice(0, middle));
      await settle(batch.slice(middle));
    }
  }

  async function flush(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    idleLanes -= 1;
    watchAnew();
    await settle(batch);
    for (const { key } of batch) busy.delete(key);
    idleLanes += 1;
    watchAnew();
    pump();
  }

  /** Some batch began or ended: nothing is held up. */
  function watchAnew(): void {
    isHeldUp = false;
    clearTimeout(watch);
    if (idleLanes === lanes) return;
    watch = setTimeout(() => {
      isHeldUp = true;
      pump();
    }, heldUpMs);
  }

  const mayBegin = (): boolean =>
    queue.length > 0 &&
    (idleLanes === lanes || (idleLanes > 0 && (isHeldUp || queue.length >= sizeMax)));

  function pump(): void {
    while (mayBegin()) {
      const batch = takeBatch();
      if (batch.length === 0) return;
      void flush(batch);
    }
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        queue.push({ item, key: keyOf(item), resolve, reject });
        if (isScheduled) return;
        isScheduled = true;
        gather(() => {
          isScheduled = false;
          pump();
        });
      }),
  };
}
