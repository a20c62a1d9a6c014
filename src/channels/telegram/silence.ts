import type { Clock } from "../../concurrency/clock.ts";

/**
 * After this long without an update, updates are fetched: a lost last push is seen by no other
 * (https://core.telegram.org/api/updates#recovering-gaps).
 */
const silentMsMax = 15 * 60_000;

/** Waits for a silence of Telegram. */
export interface SilenceWatch {
  /** Telegram has said something: the wait begins anew. */
  heard(): void;
  stop(): void;
}

/** `onSilence` is called once for each such time that passes in silence. Keeps one timer, however much is heard. */
export function watchSilence(
  clock: Pick<Clock, "schedule" | "monotonicMs">,
  onSilence: () => void,
): SilenceWatch {
  let heardAtMs = clock.monotonicMs();
  let cancel: (() => void) | null = null;

  function look(): void {
    const leftMs = heardAtMs + silentMsMax - clock.monotonicMs();
    if (leftMs <= 0) {
      heardAtMs = clock.monotonicMs();
      onSilence();
    }
    cancel = clock.schedule(leftMs > 0 ? leftMs : silentMsMax, look);
  }

  return {
    heard() {
      heardAtMs = clock.monotonicMs();
      cancel ??= clock.schedule(silentMsMax, look);
    },
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}
