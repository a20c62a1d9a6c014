/**
 * Runs the work at the first call, and gives every caller the same result until a run fails. A
 * failed run rejects for its callers, and the next call begins another.
 */
export function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | null = null;
  return () => {
    running ??= work().catch((error: unknown) => {
      running = null;
      throw error;
    });
    return running;
  };
}
