import type { Clock } from "../../concurrency/clock.ts";

/** Whether a process that has turns gives signs of life. */
export interface HangWatch {
  /** It has work from now on. */
  begin(): void;
  heard(): void;
  /** Nothing was heard for a moment: others are to take what comes. */
  readonly isSilent: boolean;
}

/** A process that is silent for so long gets no new turn. */
const silentMs = 100;
/** Looks and not milliseconds: after a pause of the node itself a process gets its time to answer. */
const looksPerHang = 20;

/** @param isBusy whether it has turns; without any, nothing is expected of it, and no timer runs */
export function createHangWatch(options: {
  readonly clock: Pick<Clock, "monotonicMs" | "schedule">;
  readonly hangMs: number;
  isBusy(): boolean;
  onHang(): void;
}): HangWatch {
  const { clock, hangMs, isBusy, onHang } = options;
  let heardMs = clock.monotonicMs();
  let silentLooks = 0;
  let isLooking = false;

  function look(): void {
    isLooking = isBusy();
    if (!isLooking) return;
    silentLooks += 1;
    if (silentLooks > looksPerHang) return onHang();
    clock.schedule(hangMs / looksPerHang, look);
  }

  function heard(): void {
    heardMs = clock.monotonicMs();
    silentLooks = 0;
  }

  return {
    begin() {
      if (isLooking) return;
      heard();
      isLooking = true;
      clock.schedule(hangMs / looksPerHang, look);
    },
    heard,
    get isSilent() {
      return isBusy() && clock.monotonicMs() - heardMs > silentMs;
    },
  };
}
