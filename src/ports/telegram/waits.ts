/** Telegram's order to an account to leave a method alone for a while. */
export interface TelegramWait {
  /** The method's TL name, such as `updates.getDifference`. */
  readonly method: string;
  /** The one chat whose sends wait; null: every call of the method. */
  readonly chat: string | null;
  /** Telegram's own name for it, such as FLOOD_WAIT. */
  readonly code: string;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

/**
 * The waits that Telegram ordered, kept for every host: whichever connects an account keeps to them. Hides SQL. Errors:
 * DATABASE_UNAVAILABLE.
 */
export interface WaitStore {
  /**
   * The waits of these accounts that end after `nowMs`, at most `waitsMax` of each: those that end last. An account
   * without one is missing.
   */
  inForce(
    accounts: readonly string[],
    nowMs: number,
  ): Promise<ReadonlyMap<string, readonly TelegramWait[]>>;
  /** A later end stands. Forgets the account's waits that are over. Safe to repeat. */
  keep(account: string, wait: TelegramWait, nowMs: number): Promise<void>;
}

/** So many waits of one account are known. Beyond them the one that ends first is forgotten: Telegram says it again. */
export const waitsMax = 1000;

/** Milliseconds until every call of the method may be made; 0 for now. */
export function restMsOf(waits: readonly TelegramWait[], method: string, nowMs: number): number {
  const untilMs = waits
    .filter((wait) => wait.method === method && wait.chat === null)
    .reduce((latest, wait) => Math.max(latest, wait.untilMs), nowMs);
  return untilMs - nowMs;
}
