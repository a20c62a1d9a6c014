/** A list that keeps the newest `countMax` items and counts the dropped ones. */
export interface Ring<T> {
  push(item: T): void;
  /** Oldest first. */
  items(): readonly T[];
  dropped(): number;
}

export function createRing<T>(countMax: number): Ring<T> {
  let kept: T[] = [];
  let dropped = 0;
  return {
    push(item) {
      kept.push(item);
      // Trimmed in strides: dropping one item at a time would copy the list each time.
      if (kept.length < countMax * 2) return;
      dropped += kept.length - countMax;
      kept = kept.slice(-countMax);
    },
    items: () => (kept.length > countMax ? kept.slice(-countMax) : kept),
    dropped: () => dropped + Math.max(0, kept.length - countMax),
  };
}
