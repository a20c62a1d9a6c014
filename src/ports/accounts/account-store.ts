import type { AccountKind, Reason } from "../../../machines/lifecycle.ts";
import type { AccountRemoval } from "./account-removal.ts";
import type { BurialStore } from "./burial-store.ts";
import type { IdentityStore } from "./identity-store.ts";
import type { RenewalRecord, RenewalStep, RenewalStore } from "./renewal-store.ts";
import type { SlotOrigin, SlotStore, StoredSession } from "./slot-store.ts";
import type { DeviceIdentity, DriverName } from "../telegram/telegram.ts";
import type { SlotRef } from "../custody/token-store.ts";

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
  /** A file, `none` or `host` (chosen-bot.ts); null: nothing was said. */
  readonly bot: string | null;
  /** The Telegram user that it is; null until a login or a connect has shown it. */
  readonly telegramUserId: string | null;
  readonly hasPassword: boolean;
  readonly hasProxy: boolean;
}

export interface AccountChanges {
  readonly records: readonly AccountRecord[];
  /** A number that grows; a fall shows that the database was restored. */
  readonly mark: string;
  /** How many accounts there are. */
  readonly count: number;
}

/** A person's wish: connected; connected and silent; nowhere until it is resumed. */
export type Wanted = "serve" | "pause" | "stop";

/** The data that a slot's login needs. Encrypted at rest; never logged. */
export type Credentials =
  /** An imported session's own number is learnt when it has connected. */
  | { readonly kind: "user"; readonly phone: string | null }
  | { readonly kind: "bot"; readonly token: string };

/** A serving key, as the schedule and the import see it. */
export interface ServingKey {
  readonly account: string;
  readonly slot: number;
  readonly kind: AccountKind;
  readonly origin: SlotOrigin;
  /** Whether a 2FA password is kept for its logins. */
  readonly hasPassword: boolean;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** When a renewal was last asked for, in milliseconds since 1970; null for never. */
  readonly triedMs: number | null;
  /** The renewals from this key that were aborted: how many, and how the last one ended; null for none. */
  readonly failed: {
    readonly times: number;
    /** Milliseconds since 1970. */
    readonly atMs: number;
    readonly reason: Reason;
  } | null;
}

/**
 * An account's secrets. Hides encryption: they go in and come out in clear and are AES-256-GCM at
 * rest, bound to the account. Errors: ACCOUNT_UNKNOWN, SESSION_BLOB_BROKEN (a damaged row),
 * MASTER_KEY_WRONG, DATABASE_UNAVAILABLE.
 */
export interface AccountSecrets {
  credentials(name: string): Promise<Credentials>;
  learnPhone(name: string, phone: string): Promise<void>;
  /** The 2FA password, which its owner chose to have kept; null forgets it. */
  keepPassword(name: string, password: string | null): Promise<void>;
  password(name: string): Promise<string | null>;
  /** The address through which the account connects from now on; null for directly. */
  chooseProxy(name: string, url: string | null): Promise<void>;
  proxy(name: string): Promise<string | null>;
}

/** Accounts. Hides SQL. Errors: ACCOUNT_EXISTS, ACCOUNT_UNKNOWN, DATABASE_UNAVAILABLE, and those of the secrets. */
export interface AccountStore extends AccountSecrets {
  /** An account of that name and kind that never served is made anew. */
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
  want(name: string, wanted: Wanted): Promise<void>;
  /** The bot that answers from now on: a file, or a word of chosen-bot.ts. */
  chooseBot(name: string, bot: string): Promise<void>;
  /** Telegram asked for silence until then, in milliseconds since 1970. A later end stands. */
  cool(name: string, untilMs: number): Promise<void>;
  /** The keys that serve, of these accounts. */
  servingKeys(names: readonly string[]): Promise<readonly ServingKey[]>;

  /**
   * The state, the event row and, if any, the step of the renewal that it shows to be done, in one statement. Of an
   * account that was removed meanwhile nothing is written.
   */
  recordTransition(transition: {
    readonly account: string;
    readonly renewal: string | null;
    readonly from: string;
    readonly to: string;
    readonly event: string;
    readonly epoch: number;
    readonly reason: Reason | null;
    readonly step: RenewalStep | null;
  }): Promise<void>;
}

/** What a connection of a slot needs to know of its account, all as of one moment. */
export interface SlotNeeds {
  /** null: there is no such account. */
  readonly record: AccountRecord | null;
  /** null when no key exists yet. */
  readonly session: StoredSession | null;
  /** The one that is open. */
  readonly renewal: RenewalRecord | null;
  /** As the last holder of the slot's token left it; null where none did. */
  readonly serverSalt: string | null;
}

/** Accounts with their slots, their renewals, their dead keys and their users at Telegram, over one database. */
export interface AccountStores
  extends AccountStore,
    SlotStore,
    RenewalStore,
    BurialStore,
    IdentityStore,
    AccountRemoval {
  /** One question in place of three. */
  needs(slot: SlotRef): Promise<SlotNeeds>;
}
