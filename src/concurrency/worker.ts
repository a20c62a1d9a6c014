/** Does one thing in rounds, one at a time, for any number of callers. */
export interface Worker {
  /**
   * Asks for a round: it begins at once, within this call, or when the one under way has ended. Many calls meanwhile
   * are one round. Resolves when all rounds that were asked for have ended; never rejects.
   */
  wake(): Promise<void>;
  /** Resolves when no round is under way and none is asked for; never rejects. */
  idle(): Promise<void>;
  /** Begins no further round. Resolves when the one under way has ended; never rejects. */
  stop(): Promise<void>;
}

const nothing: Promise<void> = Promise.resolve();

/**
 * Runs `round` whenever the worker is woken. A failed round ends nothing: `onFault` hears of it,
 * and a round asked for meanwhile follows. `onFault` arranges a retry if one is due. It must not
 * throw.
 */
export function createWorker(
  round: () => Promise<void>,
  onFault: (error: unknown) => void,
): Worker {
  let isWoken = false;
  let isStopped = false;
  let isRunning = false;
  /** Of the rounds that run; null also while the first of them has not come to its first wait. */
  let working: Promise<void> | null = null;

  async function rounds(): Promise<void> {
    isRunning = true;
    while (isWoken && !isStopped) {
      isWoken = false;
      try {
        await round();
      } catch (error) {
        onFault(error);
      }
    }
    isRunning = false;
    working = null;
  }

  function idle(): Promise<void> {
    if (isRunning && working === null) return nothing.then(idle);
    return working ?? nothing;
  }

  function begin(): Promise<void> {
    working = rounds();
    return working;
  }

  return {
    wake() {
      if (isStopped) return idle();
      isWoken = true;
      return isRunning ? (working ?? idle()) : begin();
    },
    idle,
    stop() {
      isStopped = true;
      return idle();
    },
  };
}
