import type { Clock } from "./clock.ts";

/** The part of a clock that a wait needs: it runs something later. */
type Timer = Pick<Clock, "schedule">;

/**
 * Resolves after `ms` milliseconds, or as soon as `signal` aborts; ask the signal which of them it was. Never rejects,
 * and leaves neither timer nor listener behind.
 */
export function wait(clock: Timer, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const finish = () => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.schedule(ms, finish);
    signal?.addEventListener("abort", finish);
  });
}

/**
 * The result of `work`, if it comes within `ms` milliseconds; otherwise the result or the error of
 * `late`. The work itself cannot be ended; its later result is ignored.
 */
export function within<Value>(
  clock: Timer,
  ms: number,
  work: Promise<Value>,
  late: () => Value,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(ms, () => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    });
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** As `work`, but rejects with the signal's reason as soon as it aborts: a library may leave work waiting for ever. */
export function untilAborted<Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      const reason: unknown = signal.reason;
      reject(reason instanceof Error ? reason : new Error("aborted", { cause: reason }));
    };
    if (signal.aborted) {
      work.catch(() => undefined);
      stop();
      return;
    }
    signal.addEventListener("abort", stop, { once: true });
    work.then(
      (value) => {
        signal.removeEventListener("abort", stop);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", stop);
        reject(error);
      },
    );
  });
}
