import type { Clock } from "../../concurrency/clock.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import { HoldfastError } from "../../errors.ts";
import { createDoubts, type DoubtOptions } from "./batch-doubts.ts";

export interface BatcherOptions<Item, Result> extends DoubtOptions {
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
   * Where nobody waits for a result: a batch that is not whole begins at least so long after the one before, so that
   * it grows. By default as soon as that one has ended.
   */
  readonly apartMs?: number;
  /** By default a timer of the system. */
  readonly schedule?: Clock["schedule"];
  /**
   * One result for each item, in order. Or one rejection for all: nothing of the batch took effect.
   */
  run(items: readonly Item[]): Promise<readonly Result[]>;
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

/** Batches that take longer wait for a lock or a disk: the next one does not wait for them. */
const heldUpMs = 25;

/**
 * Flushes as soon as nothing runs, so that a batch grows while the one before it runs. Another lane is taken where a
 * whole batch waits, or where the running ones are held up: one statement at a time leaves the machine's cores to
 * others. A failed batch is halved until the faulty item stands alone; one with an unknown outcome is not. An item
 * that may have caused such outcomes is taken alone, so that it does not hold up those beside it.
 */
export function createBatcher<Item, Result>(
  options: BatcherOptions<Item, Result>,
): Batcher<Item, Result> {
  const { lanes, sizeMax, keyOf, run, gather = setImmediate, apartMs = 0 } = options;
  const { schedule = createSystemClock().schedule } = options;
  const busy = new Set<string>();
  const doubts = createDoubts(options);
  let queue: Waiting<Item, Result>[] = [];
  let idleLanes = lanes;
  let isHeldUp = false;
  let cancelWatch = () => {};
  let isScheduled = false;
  let isTooSoon = false;
  let cancelRest = () => {};

  function takeBatch(): Waiting<Item, Result>[] {
    const batch: Waiting<Item, Result>[] = [];
    const kept: Waiting<Item, Result>[] = [];
    let looked = 0;
    for (const one of queue) {
      if (batch.length === sizeMax) break;
      const isAlone = doubts.isAlone(one.key);
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

  async function settle(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const wellBefore = doubts.endedWell;
    try {
      const results = await run(batch.map(({ item }) => item));
      doubts.ended(batch, true);
      for (const [index, one] of batch.entries()) one.resolve(results[index]!);
    } catch (error) {
      const isUnknown = error instanceof HoldfastError && error.policy === "retryable";
      if (batch.length === 1 || isUnknown) {
        const told = isUnknown ? doubts.raised(batch, error, wellBefore) : error;
        if (!isUnknown) doubts.ended(batch, false);
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
    restAfterBegin();
    await settle(batch);
    for (const { key } of batch) busy.delete(key);
    idleLanes += 1;
    watchAnew();
    pump();
  }

  /** Some batch began or ended: nothing is held up. */
  function watchAnew(): void {
    isHeldUp = false;
    cancelWatch();
    if (idleLanes === lanes) return;
    cancelWatch = schedule(heldUpMs, () => {
      isHeldUp = true;
      pump();
    });
  }

  function restAfterBegin(): void {
    if (apartMs === 0) return;
    isTooSoon = true;
    cancelRest();
    cancelRest = schedule(apartMs, () => {
      isTooSoon = false;
      pump();
    });
  }

  const mayBegin = (): boolean =>
    queue.length > 0 &&
    (!isTooSoon || queue.length >= sizeMax) &&
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
