import type { AccountKind, Reason, RenewalMethod } from "../../machines/lifecycle.ts";
import type { DriverName } from "./telegram.ts";
import type { SlotRef } from "./token-store.ts";

export interface AccountRecord {
  readonly name: string;
  readonly kind: AccountKind;
  readonly driver: DriverName;
  readonly servingSlot: number | null;
  readonly state: string;
  readonly reason: Reason | null;
}

/** What is needed to authorise a slot. Encrypted at rest; never logged. */
export type Credentials =
  | { readonly kind: "user"; readonly phone: string }
  | { readonly kind: "bot"; readonly token: string };

export type SlotState = "PENDING" | "SERVING" | "RETIRING" | "RETIRED" | "DISCARDED" | "DEAD";

export interface SlotRecord extends SlotRef {
  readonly state: SlotState;
  /** 16 hex digits, null until the key exists. */
  readonly keyId: string | null;
}

export type RenewalState = "preparing" | "prepared" | "switched" | "done" | "aborted";

export interface RenewalRecord {
  readonly id: string;
  readonly account: string;
  readonly method: RenewalMethod;
  readonly state: RenewalState;
  readonly fromSlot: number;
  readonly toSlot: number | null;
  readonly reason: Reason | null;
}

/**
 * Accounts, their authorisations and renewals. Hides SQL and encryption: sessions and credentials go
 * in and come out in clear and are AES-256-GCM at rest with (account, slot) as associated data.
 * Errors: ACCOUNT_EXISTS, ACCOUNT_UNKNOWN, KEY_ALREADY_HELD (that key id belongs to another slot),
 * SESSION_BLOB_BROKEN (does not decrypt: wrong master key or damaged row), DATABASE_UNAVAILABLE.
 */
export interface AccountStore {
  add(account: {
    readonly name: string;
    readonly kind: AccountKind;
    readonly credentials: Credentials;
    /** By default mtcute. */
    readonly driver?: DriverName;
  }): Promise<void>;
  /** For the connections that are opened from now on. */
  chooseDriver(name: string, driver: DriverName): Promise<void>;
  list(): Promise<readonly AccountRecord[]>;
  find(name: string): Promise<AccountRecord | null>;
  credentials(name: string): Promise<Credentials>;

  /** The state and the event row, in one statement. */
  recordTransition(transition: {
    readonly account: string;
    readonly from: string;
    readonly to: string;
    readonly event: string;
    readonly epoch: number;
    readonly reason: Reason | null;
  }): Promise<void>;

  /** A new PENDING slot with the next number and a free token. */
  addSlot(account: string): Promise<SlotRef>;
  slots(account: string): Promise<readonly SlotRecord[]>;
  /** Stores the session as soon as its key exists; may be called again when it changes. */
  saveSession(
    ref: SlotRef,
    session: { readonly keyId: string; readonly bytes: Uint8Array },
  ): Promise<void>;
  /** null when no key exists yet. */
  loadSession(ref: SlotRef): Promise<{ readonly keyId: string; readonly bytes: Uint8Array } | null>;
  /** PENDING → SERVING for the first slot of an account, or after its last one died. */
  adoptFirstSlot(ref: SlotRef): Promise<void>;
  /** RETIRING → RETIRED, PENDING → DISCARDED: the key is logged out and its session erased. */
  forgetSlot(ref: SlotRef): Promise<void>;
  /** → DEAD; the session is kept aside. The account has no serving slot if this one served. */
  markDead(ref: SlotRef): Promise<void>;

  /** `false` when this id is known already (the same request twice is one renewal) or another is open. */
  beginRenewal(renewal: {
    readonly id: string;
    readonly account: string;
    readonly method: RenewalMethod;
  }): Promise<boolean>;
  findRenewal(id: string): Promise<RenewalRecord | null>;
  openRenewal(account: string): Promise<RenewalRecord | null>;
  recordPrepared(id: string, toSlot: number): Promise<void>;
  /**
   * One transaction: the renewal is `prepared`, the account's serving slot is still `from`, its token is
   * free, the next slot's token is free, the incarnation is LIVE. Then `from` is RETIRING, `to` SERVING, its token
   * granted with the next epoch, the renewal `switched`. Refused (null) otherwise.
   */
  switchSlot(change: {
    readonly renewal: string;
    readonly account: string;
    readonly from: number;
    readonly to: number;
    readonly incarnation: string;
  }): Promise<{ readonly epoch: number } | null>;
  /** The renewal is `aborted`; after a switch the old slot serves again and the next one is to be discarded. */
  abortRenewal(id: string, reason: Reason): Promise<void>;
  finishRenewal(id: string): Promise<void>;
}
