import { errorLine } from "../errors.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { OutboxStore } from "../ports/conversation-store.ts";

export type OutboxResult = Parameters<OutboxStore["settle"]>[0][number];

/** Writes down what became of the replies: one statement at a time, each with all results since the last. */
export interface OutboxSettling {
  add(result: OutboxResult): void;
  /** Resolves when everything added so far is written, or given up after `close`. */
  flushed(): Promise<void>;
  /** From now on a failing statement is not repeated for ever: the next recovery settles what is left. */
  close(): void;
}

export interface OutboxSettlingOptions {
  readonly store: Pick<OutboxStore, "settle">;
  readonly clock: Clock;
  readonly retryDelayMs: number;
  onFailure(line: string): void;
}

const triesAfterCloseMax = 3;

export function createOutboxSettling(options: OutboxSettlingOptions): OutboxSettling {
  let waiting: OutboxResult[] = [];
  let writing: Promise<void> | null = null;
  let closed = false;
  let failures = 0;

  const mayWrite = () => waiting.length > 0 && !(closed && failures >= triesAfterCloseMax);

  async function writeAll(): Promise<void> {
    while (mayWrite()) {
      const batch = waiting;
      waiting = [];
      try {
        await options.store.settle(batch);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1) options.onFailure(errorLine(error));
        waiting = [...batch, ...waiting];
        await new Promise<void>((resolve) => options.clock.schedule(options.retryDelayMs, resolve));
      }
    }
    writing = null;
  }

  function write(): Promise<void> {
    writing ??= writeAll();
    return writing;
  }

  return {
    add(result) {
      waiting.push(result);
      void write();
    },
    flushed: () => writing ?? Promise.resolve(),
    close() {
      closed = true;
      failures = 0;
    },
  };
}
