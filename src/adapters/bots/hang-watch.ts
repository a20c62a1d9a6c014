import type { Clock } from "../../concurrency/clock.ts";

/** Whether a process that has turns gives signs of life. */
export interface HangWatch {
  /** It has work from now on. */
  begin(): void;
  heard(): void;
  /** Nothing was heard for longer than between two beats: it has more than it works off. */
  readonly isLate: boolean;
  /** Nothing was heard for a moment: others are to take what comes. */
  readonly isSilent: boolean;
}

const lookMs = 25;
/** A process that is silent for so many looks is late. */
const lateLooksMax = 2;
/** A process that is silent for so many looks gets no new turn. */
const silentLooksMax = 4;
/** Of the time until a silent process has hung: one look counts for no more than such a piece. */
const piecesPerHang = 20;

/**
 * Looks and not milliseconds: a pause of the node itself is one look, behind which the process gets its time to answer.
 * @param isBusy whether it has turns; without any, nothing is expected of it, and no timer runs
 */
export function createHangWatch(options: {
  readonly clock: Pick<Clock, "monotonicMs" | "schedule">;
  readonly hangMs: number;
  isBusy(): boolean;
  /** It has become silent. */
  onSilent(): void;
  onHang(): void;
}): HangWatch {
  const { clock, hangMs, isBusy, onSilent, onHang } = options;
  const pieceMs = Math.max(lookMs, hangMs / piecesPerHang);
  let lookedMs = 0;
  let silentLooks = 0;
  let silentMs = 0;
  let isLooking = false;

  function look(): void {
    isLooking = isBusy();
    if (!isLooking) return;
    const nowMs = clock.monotonicMs();
    silentLooks += 1;
    silentMs += Math.min(nowMs - lookedMs, pieceMs);
    if (silentLooks === silentLooksMax + 1) onSilent();
    if (silentMs > hangMs) return onHang();
    lookLater(nowMs);
  }

  function lookLater(nowMs: number): void {
    lookedMs = nowMs;
    clock.schedule(lookMs, look);
  }

  function heard(): void {
    silentLooks = 0;
    silentMs = 0;
  }

  return {
    begin() {
      if (isLooking) return;
      heard();
      isLooking = true;
      lookLater(clock.monotonicMs());
    },
    heard,
    get isLate() {
      return silentLooks > lateLooksMax && isBusy();
    },
    get isSilent() {
      return silentLooks > silentLooksMax && isBusy();
    },
  };
}
