/**
 * Runs the work when it is first asked for, and answers the same to all who ask, until a run has failed: that one
 * rejects for those who waited for it, and the next call begins another.
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
