import type { Reason } from "../../../machines/lifecycle.ts";
import type { SlotRef } from "../custody/token-store.ts";
import type { RenewalStep } from "./renewal-store.ts";

/** What has become of an account whose key is dead. */
export interface Burial {
  /** The slot that serves now; null where the account has no other authorised key. */
  readonly serving: number | null;
  /** The renewal that was open, and the step that this has taken it to; null where none was. */
  readonly renewal: {
    readonly id: string;
    readonly step: Extract<RenewalStep, "switched" | "aborted">;
  } | null;
}

/** The end of a key. Hides SQL and its locks. Errors: DATABASE_UNAVAILABLE (unknown outcome); safe to repeat. */
export interface BurialStore {
  /**
   * One transaction. The slot is DEAD, and its session is kept aside. If it served, another authorised slot of the
   * account serves: the one that a renewal has made, else the one that the last renewal left and that is not logged out
   * yet. An open renewal is `switched` if its new slot takes over, else `aborted`. A slot that does not serve is
   * marked, and nothing else changes.
   */
  bury(ref: SlotRef, reason: Reason): Promise<Burial>;
}
