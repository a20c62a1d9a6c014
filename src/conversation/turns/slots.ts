import type { TurnSlot } from "./handler-run.ts";

/** The places of turns that run at the same time. One that rests has left its place and counts no more. */
export interface TurnSlots extends TurnSlot {
  readonly free: number;
  readonly running: number;
  /** Of a free one. */
  take(): void;
  leave(): void;
  /** While it is paused, no place is free for a turn that has not begun. */
  pause(isNow: boolean): void;
  /** Resolves when no turn runs or rests. */
  idle(): Promise<void>;
}

/** @param onFree called when a place is free that no rested turn wants */
export function createTurnSlots(max: number, onFree: () => void): TurnSlots {
  /** Turns that have rested and wait for a place: they go before new ones. */
  const returning: (() => void)[] = [];
  const idleWaiters: (() => void)[] = [];
  let running = 0;
  let resting = 0;
  let isPaused = false;

  function leave(): void {
    const next = returning.shift();
    if (next !== undefined) return next();
    running -= 1;
    if (running + resting === 0) for (const wake of idleWaiters.splice(0)) wake();
    onFree();
  }

  async function comeBack(): Promise<void> {
    if (running < max) running += 1;
    else await new Promise<void>((resolve) => returning.push(resolve));
    resting -= 1;
  }

  return {
    get free() {
      return isPaused ? 0 : max - running;
    },
    get running() {
      return running;
    },
    take() {
      running += 1;
    },
    leave,
    pause(isNow) {
      isPaused = isNow;
      onFree();
    },
    async rest(work) {
      resting += 1;
      leave();
      try {
        return await work();
      } finally {
        await comeBack();
      }
    },
    idle: () =>
      running + resting === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => idleWaiters.push(resolve)),
  };
}
