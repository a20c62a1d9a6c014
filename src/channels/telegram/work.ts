import type { PushedUpdate } from "../../ports/telegram/telegram.ts";

/** Follows the account's updates into the stream, as the update cursor does. */
export interface CursorWork {
  /**
   * An account without a cursor begins at Telegram's present state: what comes once it is active is followed. Nothing
   * else is done.
   */
  anchor(): Promise<void>;
  /** Loads the cursor and fills the gap, beside the account's service. May be called again after it has rejected. */
  start(): Promise<void>;
  /** `null`: something must be fetched. */
  onUpdates(pushed: readonly PushedUpdate[] | null): void;
  /** Settles the messages already taken. */
  stop(): Promise<void>;
}
