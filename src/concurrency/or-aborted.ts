/** Waits for `work`, but no longer than until `signal` aborts: a later result or failure of `work` is ignored. */
export async function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let finish = () => {};
  const aborted = new Promise<void>((resolve) => {
    finish = resolve;
  });
  signal.addEventListener("abort", finish);
  if (signal.aborted) finish();
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", finish);
  }
}
