import type { Clock } from "../../concurrency/clock.ts";
import { wait } from "../../concurrency/wait.ts";
import type { Removed, RetentionPolicy, RetentionStore } from "../../ports/retention.ts";

export interface RetentionFigures {
  /** Rows of a table that went, with their bytes. */
  removed(what: Removed): void;
  /** One run has ended. */
  ran(seconds: number): void;
  /** A run failed. */
  failed(): void;
  oldest(table: string, ageMs: number | null): void;
}

export interface RetentionJobOptions {
  readonly store: RetentionStore;
  readonly policy: RetentionPolicy;
  /** This process among those of the fleet. */
  readonly runner: string;
  readonly clock: Clock;
  readonly figures: RetentionFigures;
  onFault(error: unknown): void;
}

/** What a run has done so far. */
export interface RetentionRun {
  readonly removed: readonly Removed[];
  /** More is too old than one run removes. */
  readonly more: boolean;
}

/**
 * Removes what is older than it is to be kept: one host at a time, batch by batch, each of them followed by a rest.
 * Whatever ends a run, the next one goes on: a batch stands for itself.
 */
export interface RetentionJob {
  start(): void;
  stop(): Promise<void>;
  /**
   * A run at once, of `budgetMs` milliseconds at most. null: another host is at it.
   * @param isDryRun counts, and changes nothing
   */
  run(how: { readonly isDryRun: boolean; readonly budgetMs: number }): Promise<RetentionRun | null>;
}

/** Looks whether a run is due. */
const lookEveryMs = 15 * 60_000;
/** Between two runs, so that little has become too old. */
const runEveryMs = 6 * 3600_000;
/** More than any batch takes. */
const leaseMs = 60_000;
const ownBudgetMs = 10 * 60_000;
/** After a batch, as a share of the time that it took. */
const restShare = 1;

export function createRetentionJob(options: RetentionJobOptions): RetentionJob {
  const { store, policy, runner, clock, figures, onFault } = options;
  let stopping = new AbortController();
  let cancel = () => {};
  let atWork: Promise<unknown> = Promise.resolve();

  /** Batches of one part until it has none left, the time is over or the right is lost. True: it has none left. */
  async function removePart(
    part: string,
    untilMs: number,
    onRemoved: (what: Removed) => void,
  ): Promise<boolean> {
    while (!stopping.signal.aborted) {
      const nowMs = clock.now();
      if (clock.monotonicMs() >= untilMs) return false;
      if (!(await store.take(runner, { nowMs, leaseMs, isDue: false }))) return false;
      const sinceMs = clock.monotonicMs();
      const what = await store.remove(part, policy, nowMs);
      if (what.rows === 0) return true;
      onRemoved(what);
      await wait(clock, (clock.monotonicMs() - sinceMs) * restShare, stopping.signal);
    }
    return false;
  }

  async function removeAll(budgetMs: number): Promise<RetentionRun> {
    const sums = new Map<string, Removed>();
    const sinceMs = clock.monotonicMs();
    let more = false;
    for (const part of store.parts) {
      const isDone = await removePart(part, sinceMs + budgetMs, (what) => {
        figures.removed(what);
        const { rows, bytes } = sums.get(what.table) ?? { rows: 0, bytes: 0 };
        sums.set(what.table, {
          table: what.table,
          rows: rows + what.rows,
          bytes: bytes + what.bytes,
        });
      });
      more ||= !isDone;
    }
    figures.ran((clock.monotonicMs() - sinceMs) / 1000);
    return { removed: [...sums.values()], more };
  }

  async function runTaken(budgetMs: number): Promise<RetentionRun> {
    let nextMs = clock.now() + lookEveryMs;
    try {
      const run = await removeAll(budgetMs);
      if (!run.more) nextMs = clock.now() + runEveryMs;
      return run;
    } finally {
      await store.giveBack(runner, nextMs);
    }
  }

  async function look(): Promise<void> {
    await store.makeMonths();
    const nowMs = clock.now();
    if (!(await store.take(runner, { nowMs, leaseMs, isDue: true }))) return;
    await runTaken(ownBudgetMs);
    for (const { table, ageMs } of await store.oldest(clock.now())) figures.oldest(table, ageMs);
  }

  /** Never rejects. */
  function work(): Promise<void> {
    return look()
      .catch((error: unknown) => {
        figures.failed();
        onFault(error);
      })
      .finally(() => {
        if (!stopping.signal.aborted) cancel = clock.schedule(lookEveryMs, begin);
      });
  }

  function begin(): void {
    atWork = work();
  }

  return {
    start() {
      stopping = new AbortController();
      begin();
    },
    async stop() {
      cancel();
      stopping.abort();
      await atWork;
    },
    async run({ isDryRun, budgetMs }) {
      if (isDryRun) {
        const removed = await store.count(policy, clock.now());
        return { removed: removed.filter(({ rows }) => rows > 0), more: false };
      }
      const isMine = await store.take(runner, { nowMs: clock.now(), leaseMs, isDue: false });
      return isMine ? runTaken(budgetMs) : null;
    },
  };
}
