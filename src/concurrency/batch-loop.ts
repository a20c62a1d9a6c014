import type { Clock } from "./clock.ts";
import { wait } from "./wait.ts";

export interface BatchLoopOptions<Item> {
  readonly clock: Pick<Clock, "schedule">;
  /** Items of one batch at most. */
  readonly sizeMax: number;
  /** The rest after a failed batch; doubles up to `restMsMax`. */
  readonly restMs: number;
  readonly restMsMax: number;
  /** Ends the repeating: items that are left are given to `onLeft`. */
  readonly signal: AbortSignal;
  run(batch: readonly Item[]): Promise<void>;
  /** Hears of the first of several failures in a row. */
  onFault(error: unknown, batch: readonly Item[]): void;
  onLeft(items: readonly Item[]): void;
}

/**
 * Works off what is added, one batch at a time, in order. A batch that fails is repeated after a rest, with what came
 * since.
 */
export interface BatchLoop<Item> {
  add(item: Item): void;
  /** Resolves when nothing is left. Never rejects. */
  idle(): Promise<void>;
  readonly size: number;
}

export function createBatchLoop<Item>(options: BatchLoopOptions<Item>): BatchLoop<Item> {
  const { clock, sizeMax, restMs, restMsMax, signal, run, onFault, onLeft } = options;
  let queue: Item[] = [];
  let working: Promise<void> | null = null;

  /** Never rejects. */
  async function work(): Promise<void> {
    // What is added in the same moment comes along.
    await Promise.resolve();
    for (let failures = 0; queue.length > 0 && !(signal.aborted && failures > 0); ) {
      const batch = queue.slice(0, sizeMax);
      try {
        await run(batch);
        queue = queue.slice(batch.length);
        failures = 0;
      } catch (error) {
        if (failures === 0) onFault(error, batch);
        await wait(clock, Math.min(restMs * 2 ** failures, restMsMax), signal);
        failures += 1;
      }
    }
    working = null;
    if (queue.length > 0) onLeft(queue.splice(0));
  }

  return {
    add(item) {
      queue.push(item);
      working ??= work();
    },
    async idle() {
      while (working !== null) await working;
    },
    get size() {
      return queue.length;
    },
  };
}
