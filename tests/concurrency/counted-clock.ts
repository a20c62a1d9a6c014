import { createTestClock, type TestClock } from "../support/test-clock.ts";

/** Time in the test's hand, which knows how many timers wait on it. */
export function countedClock() {
  const clock = createTestClock();
  const timers = new Set<() => void>();
  const counted: TestClock = {
    ...clock,
    schedule(ms, task) {
      const timer = () => {
        timers.delete(timer);
        task();
      };
      timers.add(timer);
      const cancel = clock.schedule(ms, timer);
      return () => {
        timers.delete(timer);
        cancel();
      };
    },
  };
  return { clock: counted, timers: () => timers.size };
}
