/** What a report that is shown anew needs of its surroundings. */
export interface WatchOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Resolves after the pause, or at once when the signal comes. */
  pause(signal: AbortSignal): Promise<void>;
  /** Shows one report; resolves with its exit code. */
  show(): Promise<number>;
  /** Tells a report that could not be made; the next one is tried all the same. Resolves with its exit code. */
  onFault(error: unknown): number;
}

/** Shows a report again and again until the signal. Resolves with the exit code of the last one. */
export async function watching({ signal, pause, show, onFault }: WatchOptions): Promise<number> {
  let exitCode = 0;
  while (!signal.aborted) {
    exitCode = await show().catch(onFault);
    if (!signal.aborted) await pause(signal);
  }
  return exitCode;
}
