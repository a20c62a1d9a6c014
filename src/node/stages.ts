/** One part of a program that is started, and stopped in its turn. */
export interface Stage<Made> {
  readonly name: string;
  /** `signal` aborts when the program is to stop meanwhile: a stage that may take long then answers at once. */
  start(signal: AbortSignal): Made | Promise<Made>;
  /**
   * Gets the result of `start`. `failed`: a later stage could not start, and the program will be
   * tried again.
   */
  stop?(made: Made, how: { readonly failed: boolean }): void | Promise<void>;
}

/**
 * Starts one stage and answers its result. Rejects when the program is to stop: later stages are
 * not begun.
 */
export type StartStage = <Made>(stage: Stage<Made>) => Promise<Made>;

export interface Staged {
  /**
   * Resolves when every stage has started, or when a stop came before. Rejects with the fault of a
   * failed start, once all is stopped.
   */
  readonly started: Promise<void>;
  /**
   * Stops the started stages backwards; a starting one is waited for. Rejects with the first fault
   * once all were stopped, or with the fault of a failed start. More calls are one.
   */
  stop(): Promise<void>;
  /** Stops as `stop` does, and tells each stage that the program failed and will be tried again. */
  abandon(): Promise<void>;
}

/**
 * Starts a program stage by stage, in the order in which `build` asks for them. When a stage fails,
 * or anything between two of them, the earlier ones are stopped backwards.
 * @param build also gets `Staged.stop`, for a later end of the program; it must not wait for it
 * before the start is done
 * @param onFailed told at once, before anything is stopped
 */
export function startInStages(
  build: (stage: StartStage, stop: Staged["stop"]) => Promise<void>,
  onFailed: (error: unknown) => void = () => {},
): Staged {
  const stopping = new AbortController();
  const stops: ((how: { readonly failed: boolean }) => void | Promise<void>)[] = [];
  let ending: Promise<void> | null = null;

  async function start<Made>(stage: Stage<Made>): Promise<Made> {
    stopping.signal.throwIfAborted();
    const made = await stage.start(stopping.signal);
    stops.push((how) => stage.stop?.(made, how));
    stopping.signal.throwIfAborted();
    return made;
  }

  async function stopBackwards(failed: boolean): Promise<void> {
    const faults: unknown[] = [];
    for (const stopOne of stops.splice(0).toReversed()) {
      try {
        await stopOne({ failed });
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw faults[0];
  }

  function end(failed: boolean): Promise<void> {
    ending ??= (async () => {
      stopping.abort();
      await built.catch(() => undefined);
      await stopBackwards(failed);
    })();
    return ending;
  }
  const stop = () => end(false);

  const built = build(start, stop);

  async function fail(error: unknown): Promise<void> {
    onFailed(error);
    try {
      await stopBackwards(true);
    } catch {
      // A fault of the stop comes second to the first fault.
    }
    throw error;
  }

  const started = built.catch((error: unknown) => {
    if (stopping.signal.aborted) return;
    ending ??= fail(error);
    return ending;
  });

  return { started, stop, abandon: () => end(true) };
}
