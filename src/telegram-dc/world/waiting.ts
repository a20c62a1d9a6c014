import type { Clock } from "./clock.ts";
import type { Topic } from "./topic.ts";

/**
 * The first event for which `pick` returns something, past events included.
 * @returns undefined after `waitMs`
 */
export function firstOf<E, T>(options: {
  readonly clock: Clock;
  readonly topic: Topic<E>;
  readonly already: () => T | undefined;
  readonly pick: (event: E) => T | undefined;
  readonly waitMs: number;
}): Promise<T | undefined> {
  const { clock, topic, already, pick, waitMs } = options;
  const found = already();
  if (found !== undefined || waitMs <= 0) return Promise.resolve(found);
  return new Promise((resolve) => {
    const settle = (value: T | undefined): void => {
      cancel();
      unsubscribe();
      resolve(value);
    };
    const cancel = clock.schedule(waitMs, () => {
      settle(undefined);
    });
    const unsubscribe = topic.subscribe((event) => {
      const picked = pick(event);
      if (picked !== undefined) settle(picked);
    });
  });
}
