import type { Clock } from "../../concurrency/clock.ts";
import { wait } from "../../concurrency/wait.ts";
import { createWorker } from "../../concurrency/worker.ts";
import { errorLine } from "../../errors.ts";
import type { ReplyResult } from "../../ports/conversation/outbox-store.ts";

/**
 * Records the outcomes of replies: one statement at a time, each with all results since the last.
 */
export interface OutboxSettling {
  /** These are written together: all or none. */
  add(...results: readonly ReplyResult[]): void;
  /** The replies whose outcomes are not written yet. */
  unwritten(): ReadonlySet<string>;
  /** The last statement failed, perhaps after it took effect: it is repeated. */
  readonly isFailing: boolean;
  /** Resolves when everything added so far is written, or given up after `close`; never rejects. */
  flushed(): Promise<void>;
  /**
   * From now on a failing statement is not repeated for ever: the next recovery settles the rest.
   */
  close(): void;
}

export interface OutboxSettlingOptions {
  readonly store: { settle(results: readonly ReplyResult[]): Promise<void> };
  readonly clock: Clock;
  readonly retryDelayMs: number;
  onFailure(line: string): void;
}

const triesAfterCloseMax = 3;

export function createOutboxSettling(options: OutboxSettlingOptions): OutboxSettling {
  let waiting: ReplyResult[] = [];
  let underWay: readonly ReplyResult[] = [];
  let closed = false;
  let failures = 0;

  const mayWrite = () => waiting.length > 0 && !(closed && failures >= triesAfterCloseMax);

  async function write(): Promise<void> {
    if (!mayWrite()) return;
    const batch = waiting;
    waiting = [];
    underWay = batch;
    try {
      await options.store.settle(batch);
      failures = 0;
    } catch (error) {
      waiting = [...batch, ...waiting];
      await restAfter(error);
    } finally {
      underWay = [];
    }
  }

  async function restAfter(error: unknown): Promise<void> {
    failures += 1;
    if (failures === 1) options.onFailure(errorLine(error));
    await wait(options.clock, options.retryDelayMs);
    void worker.wake();
  }

  const worker = createWorker(write, (error) => options.onFailure(errorLine(error)));

  return {
    add(...results) {
      waiting.push(...results);
      void worker.wake();
    },
    unwritten: () => new Set([...underWay, ...waiting].map(({ id }) => id)),
    get isFailing() {
      return failures > 0;
    },
    flushed: worker.idle,
    close() {
      closed = true;
      failures = 0;
    },
  };
}
