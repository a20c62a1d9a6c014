import type { RenewalStep } from "./renewal-store.ts";
import type { SlotRef } from "../custody/token-store.ts";

export type SlotState = "PENDING" | "SERVING" | "RETIRING" | "RETIRED" | "DISCARDED" | "DEAD";

export interface SlotRecord extends SlotRef {
  readonly state: SlotState;
  /** 16 hex digits, null until the key exists. */
  readonly keyId: string | null;
  /** `imported`: another program used it before; `kept`: and its owner wants no other. */
  readonly origin: SlotOrigin;
}

export type SlotOrigin = "made" | "imported" | "kept";

/** A key with its state at Telegram, in clear. */
export interface StoredSession {
  /** 16 hex digits. */
  readonly keyId: string;
  readonly bytes: Uint8Array;
}

/**
 * The authorisations of accounts. Hides SQL and encryption: sessions go in and come out in clear and are AES-256-GCM at
 * rest with (account, slot) as associated data. Errors: ACCOUNT_UNKNOWN, KEY_ALREADY_HELD (that key id belongs to
 * another slot), SESSION_BLOB_BROKEN (a damaged row), MASTER_KEY_WRONG, DATABASE_UNAVAILABLE.
 */
export interface SlotStore {
  /** A new PENDING slot with the next number and a free token. */
  addSlot(account: string): Promise<SlotRef>;
  /**
   * The serving slot, else the PENDING one made here, else a new one. Hosts that ask at once get
   * the same slot.
   */
  firstSlot(account: string): Promise<SlotRecord>;
  slots(account: string): Promise<readonly SlotRecord[]>;
  /**
   * Stores the session as soon as its key exists; may be called again when it changes. `step` is written where a
   * renewal is being prepared with this slot. Throws KEY_ALREADY_HELD.
   */
  saveSession(ref: SlotRef, session: StoredSession, step: RenewalStep): Promise<void>;
  /** null when no key exists yet. */
  loadSession(ref: SlotRef): Promise<StoredSession | null>;
  /**
   * PENDING → SERVING for the first slot of an account, or after its last one died; the account is this Telegram user
   * from then on. `false`: another one serves, the slot was given up meanwhile, or the account is another user.
   */
  adoptFirstSlot(ref: SlotRef, telegramUser: string): Promise<boolean>;
  /**
   * RETIRING → RETIRED, PENDING → DISCARDED: the key is logged out and its session erased. `step` is written where a
   * renewal that is done came from this slot.
   */
  forgetSlot(ref: SlotRef, step: RenewalStep): Promise<void>;
  /** SERVING → RETIRING: no slot of the account serves any more. Nothing where another one does. */
  retireServing(ref: SlotRef): Promise<void>;
}
