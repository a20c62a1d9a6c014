/** A holder's promise to its successors, in milliseconds. */
export interface HoldPromise {
  /** So long after the last renewal of its lease it may still act. */
  readonly holdMs: number;
  /** So long after that Telegram may work on the last request. */
  readonly answerMs: number;
}

/** The largest ratio of two clocks' speeds during one wait. */
export const clockDrift = 1.05;

/** The largest that the configuration allows: it stands for a holder whose promise is not known. */
export const longestPromise: HoldPromise = { holdMs: 60_000, answerMs: 10_000 };

/** So long after a revocation the maker of this promise can do nothing any more, in milliseconds. */
export const silentAfterMs = ({ holdMs, answerMs }: HoldPromise): number =>
  holdMs * clockDrift + answerMs;

/** A promise as another host wrote it down; null: it is none that the configuration allows. */
export function readPromise(from: {
  readonly holdMs?: unknown;
  readonly answerMs?: unknown;
}): HoldPromise | null {
  const { holdMs, answerMs } = from;
  if (!isWithin(holdMs, longestPromise.holdMs)) return null;
  return isWithin(answerMs, longestPromise.answerMs) ? { holdMs, answerMs } : null;
}

const isWithin = (ms: unknown, most: number): ms is number =>
  typeof ms === "number" && ms > 0 && ms <= most;
