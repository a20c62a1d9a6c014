/** Runs each task after those before it. Answers and rejects as the task does. */
export type Serially = <Result>(task: () => Promise<Result>) => Promise<Result>;

/** A queue of one at a time, in the order of the calls. A task that fails holds none of the later ones back. */
export function serially(): Serially {
  let tail: Promise<unknown> = Promise.resolve();
  return (task) => {
    const run = tail.then(task);
    tail = run.catch(() => undefined);
    return run;
  };
}
