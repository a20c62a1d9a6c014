/** A seeded source of chance: the same seed gives the same run. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** Whole, in [low, high]. */
  whole(low: number, high: number): number;
  /** True in `share` of the cases. */
  chance(share: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  /** Independent of later draws from this source. */
  fork(): Random;
}

/** Mulberry32 by Tommy Ettinger (public domain): 32 bits of state, good enough to choose faults. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    whole,
    chance: (share) => next() < share,
    pick: (items) => items[whole(0, items.length - 1)]!,
    fork: () => createRandom(Math.floor(next() * 2 ** 32)),
  };
}
