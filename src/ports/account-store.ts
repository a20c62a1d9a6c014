import type { AccountKind, Reason, RenewalMethod } from "../../machines/lifecycle.ts";
import type { DeviceIdentity, DriverName } from "./telegram.ts";
import type { SlotRef } from "./token-store.ts";

export interface AccountRecord {
  readonly name: string;
  readonly kind: AccountKind;
  readonly driver: DriverName;
  readonly servingSlot: number | null;
  readonly state: string;
  readonly reason: Reason | null;
  readonly wanted: Wanted;
  readonly device: DeviceIdentity;
  /** Telegram asked for silence until then, in milliseconds since 1970; null for no such wait. */
  readonly coolingUntilMs: number | null;
  readonly hasPassword: boolean;
  readonly hasProxy: boolean;
}

export interface AccountChanges {
  readonly records: readonly AccountRecord[];
  /** A number that grows; a smaller one than before tells of a database that was restored. */
  readonly mark: string;
  /** How many accounts there are. */
  readonly count: number;
}

/** What a person wants: connected; connected and silent; nowhere until it is resumed. */
export type Wanted = "serve" | "pause" | "stop";

/** What is needed to authorise a slot. Encrypted at rest; never logged. */
export type Credentials =
  /** An imported session's own number is learnt when it has connected. */
  | { readonly kind: "user"; readonly phone: string | null }
  | { readonly kind: "bot"; readonly token: string };

export type SlotState = "PENDING" | "SERVING" | "RETIRING" | "RETIRED" | "DISCARDED" | "DEAD";

export interface SlotRecord extends SlotRef {
  readonly state: SlotState;
  /** 16 hex digits, null until the key exists. */
  readonly keyId: string | null;
  /** `imported`: another program used it before; `kept`: and its owner wants no other. */
  readonly origin: SlotOrigin;
}

export type SlotOrigin = "made" | "imported" | "kept";

/** How far a renewal has come; each is a row that is there before the next step begins. */
export type RenewalStep =
  | "requested"
  | "key-stored"
  | "authorised"
  | "drained"
  | "verified-idle"
  | "switched"
  | "verified"
  | "retired"
  | "aborted";

/** What the schedule and the import go by. */
export interface ServingKey {
  readonly account: string;
  readonly slot: number;
  readonly origin: SlotOrigin;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** When a renewal was last asked for, in milliseconds since 1970; null for never. */
  readonly triedMs: number | null;
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
 * SESSION_BLOB_BROKEN (a damaged row), MASTER_KEY_WRONG, DATABASE_UNAVAILABLE.
 */
export interface AccountStore {
  add(account: {
    readonly name: string;
    readonly kind: AccountKind;
    readonly credentials: Credentials;
    /** By default mtcute. */
    readonly driver?: DriverName;
    readonly deviceModel?: string;
    /** As `socks5://…` or `http://…`; through it every connection of the account goes. */
    readonly proxy?: string;
  }): Promise<void>;
  /** A user account with a session of another program in a PENDING slot, in one step. Throws also KEY_ALREADY_HELD. */
  importSession(account: {
    readonly name: string;
    readonly driver?: DriverName;
    readonly deviceModel?: string;
    readonly proxy?: string;
    readonly session: { readonly keyId: string; readonly bytes: Uint8Array };
    readonly origin: Exclude<SlotOrigin, "made">;
  }): Promise<SlotRef>;
  /** For the connections that are opened from now on. */
  chooseDriver(name: string, driver: DriverName): Promise<void>;
  list(): Promise<readonly AccountRecord[]>;
  /**
   * The accounts that may have changed since an earlier answer's `mark`; all for null. None is ever left out, however
   * long its transaction took; some may come again.
   */
  changes(since: string | null): Promise<AccountChanges>;
  find(name: string): Promise<AccountRecord | null>;
  credentials(name: string): Promise<Credentials>;
  learnPhone(name: string, phone: string): Promise<void>;
  want(name: string, wanted: Wanted): Promise<void>;
  /** The 2FA password, which its owner chose to have kept; null forgets it. */
  keepPassword(name: string, password: string | null): Promise<void>;
  password(name: string): Promise<string | null>;
  /** The address through which the account connects from now on; null for directly. */
  chooseProxy(name: string, url: string | null): Promise<void>;
  proxy(name: string): Promise<string | null>;
  /** Telegram asked for silence until then, in milliseconds since 1970. */
  cool(name: string, untilMs: number): Promise<void>;
  /** The keys that serve, of these accounts. */
  servingKeys(names: readonly string[]): Promise<readonly ServingKey[]>;

  /** The state, the event row and, where it is one, the step of the renewal, in one statement. */
  recordTransition(transition: {
    readonly account: string;
    readonly renewal: string | null;
    readonly from: string;
    readonly to: string;
    readonly event: string;
    readonly epoch: number;
    readonly reason: Reason | null;
  }): Promise<void>;

  /** A new PENDING slot with the next number and a free token. */
  addSlot(account: string): Promise<SlotRef>;
  /**
   * The slot that serves, else the PENDING one that was made here, else a new one: hosts that ask at once are told the
   * same.
   */
  firstSlot(account: string): Promise<SlotRecord>;
  slots(account: string): Promise<readonly SlotRecord[]>;
  /** Stores the session as soon as its key exists; may be called again when it changes. */
  saveSession(
    ref: SlotRef,
    session: { readonly keyId: string; readonly bytes: Uint8Array },
  ): Promise<void>;
  /** null when no key exists yet. */
  loadSession(ref: SlotRef): Promise<{ readonly keyId: string; readonly bytes: Uint8Array } | null>;
  /**
   * PENDING → SERVING for the first slot of an account, or after its last one died. `false`: another one serves, or the
   * slot was given up meanwhile.
   */
  adoptFirstSlot(ref: SlotRef): Promise<boolean>;
  /** RETIRING → RETIRED, PENDING → DISCARDED: the key is logged out and its session erased. */
  forgetSlot(ref: SlotRef): Promise<void>;
  /** SERVING → RETIRING: no slot of the account serves any more. Nothing where another one does. */
  retireServing(ref: SlotRef): Promise<void>;
  /** → DEAD; the session is kept aside. The account has no serving slot if this one served. */
  markDead(ref: SlotRef): Promise<void>;

  /**
   * `false` when this id is known already (the same request twice is one renewal), another is open, or the serving
   * slot is not connected under this very grant: a statement that comes late does nothing.
   */
  beginRenewal(renewal: {
    readonly id: string;
    readonly account: string;
    readonly method: RenewalMethod;
    readonly epoch: number;
    readonly incarnation: string;
  }): Promise<boolean>;
  findRenewal(id: string): Promise<RenewalRecord | null>;
  openRenewal(account: string): Promise<RenewalRecord | null>;
  /** In the order in which they were taken. */
  renewalSteps(
    id: string,
  ): Promise<readonly { readonly step: RenewalStep; readonly atMs: number }[]>;
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
