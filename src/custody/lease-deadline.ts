/** Three clocks that a pause, a suspend or an operator's hand move differently; milliseconds each. */
export interface LeaseClocks {
  monotonicMs(): number;
  uptimeMs(): number;
  wallMs(): number;
}

/** A moment by all three clocks, taken before a renewal is sent. */
export interface Moment {
  readonly monotonicMs: number;
  readonly uptimeMs: number;
  readonly wallMs: number;
}

/**
 * Until when this host may act. Once past, it is latched dead for ever: a timer that renews after a pause
 * must not revive it. The time elapsed is the largest that any clock shows.
 */
export interface LeaseDeadline {
  note(): Moment;
  /** The renewal sent at `sentAt` was acknowledged. `false` when the deadline had passed: nothing revives it. */
  extend(sentAt: Moment): boolean;
  /** Latches when the deadline has passed. */
  isAlive(): boolean;
  latch(): void;
  readonly leftMs: number;
}

export const momentOf = (clocks: LeaseClocks): Moment => ({
  monotonicMs: clocks.monotonicMs(),
  uptimeMs: clocks.uptimeMs(),
  wallMs: clocks.wallMs(),
});

/** By the clock that has moved furthest since, milliseconds. */
export const elapsedMs = (clocks: LeaseClocks, since: Moment): number =>
  Math.max(
    clocks.monotonicMs() - since.monotonicMs,
    clocks.uptimeMs() - since.uptimeMs,
    clocks.wallMs() - since.wallMs,
  );

export function createLeaseDeadline(clocks: LeaseClocks, holdMs: number): LeaseDeadline {
  let from: Moment | null = null;
  let latched = false;

  const leftMs = () => (from === null ? 0 : holdMs - elapsedMs(clocks, from));
  const isAlive = () => {
    if (from !== null && leftMs() <= 0) latched = true;
    return from !== null && !latched;
  };

  return {
    note: () => momentOf(clocks),
    extend(sentAt) {
      if (from !== null && !isAlive()) return false;
      if (latched || elapsedMs(clocks, sentAt) >= holdMs) {
        latched = true;
        return false;
      }
      from = sentAt;
      return true;
    },
    isAlive,
    latch() {
      latched = true;
    },
    get leftMs() {
      return Math.max(0, latched ? 0 : leftMs());
    },
  };
}
