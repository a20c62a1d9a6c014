import { HoldfastError } from "../../errors.ts";
import type { Clock } from "../../concurrency/clock.ts";
import { wait } from "../../concurrency/wait.ts";
import { isDatabaseAway } from "../../ports/database-away.ts";

export interface StoreWaitOptions<Of> {
  readonly clock: Pick<Clock, "schedule">;
  /** Before the second try of a statement; doubles up to the largest. */
  readonly delayMs: number;
  readonly delayMsMax: number;
  /** The database refuses everything, and nothing begins until it is back. `of`: whose statement met it. */
  onHold(error: unknown, of: Of): void;
  onBack(): void;
  /** A statement does not end by a fault of its own and is tried on; not told of more while it is. */
  onOwnFault(error: unknown, of: Of): void;
}

/** How the turns of one partition wait for the database, none of them set aside for it. */
export interface StoreWait<Of> {
  /** While it holds, no turn begins and no handler runs. */
  readonly holds: boolean;
  /** Resolves when it does not hold, or `signal` aborts. */
  free(signal: AbortSignal): Promise<void>;
  /**
   * The answer of a statement `of` someone. It is repeated as long as its error is retryable, as it was: the store
   * calls the second one with an unknown outcome a duplicate. null: `signal` aborted. Rejects with any other error.
   */
  take<T>(of: Of, signal: AbortSignal, statement: () => Promise<T>): Promise<T | null>;
}

/**
 * While the database refuses, one of the waiting statements asks it again and again, and the others wait for what comes
 * of that. So an outage costs one question every few seconds, however many turns wait.
 */
export function createStoreWait<Of>(options: StoreWaitOptions<Of>): StoreWait<Of> {
  const { clock, delayMs, delayMsMax } = options;
  let hold: Hold | null = null;
  let ownFaults = 0;

  function begin(error: unknown, of: Of): Hold {
    hold = createHold();
    options.onHold(error, of);
    return hold;
  }

  function end(isBack: boolean): void {
    if (hold === null) return;
    const ended = hold;
    hold = null;
    if (isBack) options.onBack();
    ended.end();
  }

  const pause = (tries: number, signal: AbortSignal) =>
    wait(clock, Math.min(delayMs * 2 ** tries, delayMsMax), signal);

  async function repeat<T>(
    of: Of,
    signal: AbortSignal,
    statement: () => Promise<T>,
    first: unknown,
  ): Promise<T | null> {
    let error = first;
    /** The hold that this statement asks for, and waits out. */
    let asks: Hold | null = null;
    let hasOwnFault = false;
    try {
      for (let tries = 0; !signal.aborted; tries += 1) {
        if (!(error instanceof HoldfastError) || error.policy !== "retryable") throw error;
        // Any other retryable error is about the one statement.
        if (isDatabaseAway(error)) {
          if (hold === null) asks = begin(error, of);
        } else if (!hasOwnFault) {
          hasOwnFault = true;
          ownFaults += 1;
          if (ownFaults === 1) options.onOwnFault(error, of);
        }
        if (hold === null || hold === asks) await pause(tries, signal);
        else await hold.ended(signal);
        if (signal.aborted) break;
        try {
          return await statement();
        } catch (again) {
          error = again;
        }
        // It has got an answer of its own; another one asks for the rest.
        if (asks !== null && hold === asks && isAnswer(error)) end(true);
      }
      return null;
    } finally {
      if (hasOwnFault) ownFaults -= 1;
      if (asks !== null && hold === asks) end(!signal.aborted);
    }
  }

  return {
    get holds() {
      return hold !== null;
    },
    async free(signal) {
      while (hold !== null && !signal.aborted) await hold.ended(signal);
    },
    take: (of, signal, statement) =>
      statement().catch((error: unknown) => repeat(of, signal, statement, error)),
  };
}

const isAnswer = (error: unknown): boolean => !isDatabaseAway(error);

interface Hold {
  ended(signal: AbortSignal): Promise<void>;
  end(): void;
}

function createHold(): Hold {
  const waiting = new Set<() => void>();
  return {
    ended: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const wake = () => {
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        waiting.add(wake);
        signal.addEventListener("abort", wake);
      }),
    end() {
      for (const wake of waiting) wake();
    },
  };
}
