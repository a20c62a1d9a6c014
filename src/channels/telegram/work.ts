import type { PushedUpdate } from "../../ports/telegram/telegram.ts";

/** Follows the account's updates into the stream, as the update cursor does. */
export interface CursorWork {
  /** Loads the cursor and fills the gap; the account is not active before that. */
  start(): Promise<void>;
  /** `null`: something must be fetched. */
  onUpdates(pushed: readonly PushedUpdate[] | null): void;
  /** Settles the messages already taken. */
  stop(): Promise<void>;
}
