import type { Dialled, Endpoint } from "../custody/gate.ts";
import type { Media } from "./media.ts";
import type { Writer } from "./writer.ts";

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [field: string]: JsonValue };
export type JsonObject = { readonly [field: string]: JsonValue };

/** Addresses a chat user: ids are decimal strings, as JSON cannot hold 64 bits. */
export interface ChatPeer {
  readonly userId: string;
  readonly accessHash: string;
}

export interface UpdateCursor {
  readonly pts: number;
  readonly qts: number;
  readonly date: number;
  readonly seq: number;
}

/** A sender who is no person beside the account's own; a `deleted` one answers nothing any more. */
export type UnusualSender = "self" | "bot" | "deleted";

/** Something that happened in the account, in Telegram's order. */
export type AccountUpdate =
  | {
      readonly kind: "message";
      readonly peer: ChatPeer;
      /** Of the peer; absent for a person. */
      readonly sender?: UnusualSender;
      /** What Telegram told of the peer last; absent for nothing. */
      readonly from?: Writer;
      readonly messageId: number;
      readonly text: string;
      /** The photo or file that it brought; its text is the caption then. */
      readonly media?: Media;
      /** Sent by this account, from whichever session. */
      readonly outgoing: boolean;
      /** Unix seconds. */
      readonly date: number;
    }
  | {
      readonly kind: "tap";
      readonly peer: ChatPeer;
      /** As for a message. */
      readonly sender?: UnusualSender;
      readonly from?: Writer;
      readonly messageId: number;
      readonly data: string;
      readonly queryId: string;
    };

/** A push: `pts` and `ptsCount` as Telegram gave them; null for updates outside the common sequence. */
export interface PushedUpdate {
  readonly update: AccountUpdate | null;
  readonly pts: number | null;
  readonly ptsCount: number;
  /**
   * `fetch`: something stood in this place that must be fetched. `state`: Telegram's count of updates may have fallen
   * back, so its state must be asked for as well.
   */
  readonly ask?: "fetch" | "state";
}

export type Difference =
  | {
      readonly kind: "part" | "last";
      readonly updates: readonly AccountUpdate[];
      readonly cursor: UpdateCursor;
    }
  | { readonly kind: "too-long"; readonly pts: number };

/** A message by its id; `message` null: it is not of a private chat, or of the service account. */
export interface DatedMessage {
  readonly messageId: number;
  /** Unix seconds. */
  readonly date: number;
  readonly message: Extract<AccountUpdate, { kind: "message" }> | null;
}

export interface PrivateChat {
  readonly peer: ChatPeer;
  readonly topMessageId: number;
  /** Of its last message, Unix seconds; absent where Telegram does not show it. */
  readonly topDate?: number;
}

/** How a code reaches its reader; `app` is a message of 777000 to the account's own sessions. */
export type CodeVia = "app" | "sms" | "fragment" | "words" | "call" | "missed-call" | "email";

export interface SentCode {
  /** To be given back with the code. */
  readonly codeHash: string;
  readonly via: CodeVia;
  /** Characters of the code; null where Telegram does not tell. */
  readonly length: number | null;
}

/** Shown as `tg://login?token=…` in base64url (https://core.telegram.org/api/qr-login). */
export interface LoginToken {
  readonly token: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** A session's entry in Telegram's list of devices; the same for every key of an account. */
export interface DeviceIdentity {
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
  readonly langCode: string;
}

export const defaultDevice: DeviceIdentity = {
  deviceModel: "Holdfast",
  systemVersion: "1.0",
  appVersion: "holdfast",
  langCode: "en",
};

export interface SentMessage {
  readonly messageId: number;
}

/** The user whose session this is, as Telegram tells it. */
export interface TelegramSelf {
  readonly userId: string;
  readonly isBot: boolean;
  /** In international form; null where Telegram does not tell it. */
  readonly phone: string | null;
  /** Without `@`; null for none. */
  readonly username: string | null;
  readonly firstName: string | null;
}

/** How a Telegram error is to be treated; parsed from library text in one place, the driver. */
export interface TelegramFault {
  /** Telegram's own name, such as FLOOD_WAIT or AUTH_KEY_DUPLICATED; CONNECTION_LOST for a broken wire. */
  readonly code: string;
  /** `dead-key` names end the key for ever; `unknown` means the outcome is unknown. */
  readonly kind: "dead-key" | "flood" | "refused" | "password-needed" | "unknown";
  /** For `flood`. */
  readonly waitSeconds?: number;
  /** false: Telegram was not asked, as it had ordered this wait before. */
  readonly asked?: false;
  readonly message: string;
}

/**
 * One client of one authorisation. Hides the client library. It never dials by itself: it is given
 * `dial`. Every rejected call rejects with `TelegramError` (adapters raise it); its `fault` names
 * the remedy.
 */
export interface TelegramClient {
  /** 16 hex digits; null until the key exchange is done. */
  readonly keyId: string | null;
  /**
   * The server salt that Telegram asked for last, as a decimal number of 64 bits, signed; null while none is known. The
   * next client of the key that brings it along is answered at once
   * (https://core.telegram.org/mtproto/description#server-salt).
   */
  readonly serverSalt: string | null;
  /** Calls waiting for an answer. */
  readonly callsInFlight: number;
  /** Opens the connection; makes a key first when there is none, and reports it through `onSession`. */
  connect(): Promise<void>;
  /** Ends the client: pending calls reject, nothing reconnects. Never throws. */
  close(): Promise<void>;

  self(): Promise<TelegramSelf>;
  /**
   * Asks Telegram to send a login code. Refuses EMAIL_SETUP_REQUIRED, and CODE_WAY_UNKNOWN for a code that only an
   * app of Telegram's own could read.
   */
  requestCode(phone: string): Promise<SentCode>;
  signIn(login: {
    readonly phone: string;
    readonly codeHash: string;
    readonly code: string;
    readonly via?: CodeVia;
  }): Promise<void>;
  /**
   * The owner's hint for the password, empty for none; null when the account has no 2FA password.
   */
  passwordHint(): Promise<string | null>;
  /** After `password-needed`: proves the 2FA password by SRP; it is not sent. Refuses PASSWORD_HASH_INVALID. */
  checkPassword(password: string): Promise<void>;
  /** A token that another session of the account may accept; null once one has, and this client is logged in. */
  loginToken(): Promise<LoginToken | null>;
  /** Approves the login that shows this token. */
  acceptLoginToken(token: Uint8Array): Promise<void>;
  signInBot(token: string): Promise<void>;
  logOut(): Promise<void>;

  cursor(): Promise<UpdateCursor>;
  difference(from: UpdateCursor): Promise<Difference>;
  /** Newest first, both directions, at most `limit` (1–100), older than `beforeId` when given. */
  history(
    peer: ChatPeer,
    range: { readonly limit: number; readonly beforeId?: number },
  ): Promise<readonly Extract<AccountUpdate, { kind: "message" }>[]>;
  /**
   * The messages under these ids (1–100) of private chats and groups, which count together; an id without a message is
   * left out. Bots may ask too.
   */
  messagesById(ids: readonly number[]): Promise<readonly DatedMessage[]>;
  /**
   * The newest private chats with their last message, for reading back after a too-long gap. Groups, channels and the
   * service account are left out and do not count.
   */
  dialogs(limit: number): Promise<readonly PrivateChat[]>;
  send(message: {
    readonly peer: ChatPeer;
    readonly text: string;
    /** Rows of one button each; only bots may send them. */
    readonly buttons?: readonly { readonly label: string; readonly data: string }[];
    /** Decimal, signed 64 bits. */
    readonly randomId: string;
  }): Promise<SentMessage>;
  answerTap(queryId: string): Promise<void>;
  /**
   * Any method by its TL name, such as `messages.getHistory`. JSON in and out: `_` names a constructor, fields are in
   * camel case, 64-bit numbers are `{"$long": "<decimal>"}`, bytes `{"$bytes": "<base64>"}`.
   */
  invoke(method: string, params: JsonObject): Promise<JsonValue>;
}

export interface TelegramClientEvents {
  /** The session changed (first of all: the key exists). Persist it before going on. */
  onSession(session: { readonly keyId: string; readonly bytes: Uint8Array }): Promise<void>;
  /** In order. `null`: something was pushed that must be fetched (`updatesTooLong`). */
  onUpdates(updates: readonly PushedUpdate[] | null): void;
  /** A message of Telegram's service account (777000), which may carry a login code. Never stored. */
  onServiceMessage(text: string): void;
  /** Another session has accepted the login token: ask for it again. */
  onLoginToken(): void;
  /**
   * Telegram warns that it may end this key, by a service notification. Its type begins with
   * AUTH_KEY_DROP_
   * (https://core.telegram.org/tdlib/docs/classtd_1_1td__api_1_1update_service_notification.html).
   */
  onDyingKey(type: string): void;
  /** The wire broke; the library reconnects by itself through `dial`. */
  onDisconnected(): void;
  onConnected(): void;
  /** The client ended by itself and never comes back: the gate refuses to dial, or the session cannot be stored. */
  onEnded(fault: TelegramFault): void;
  /** A fault that ends the key, from any call or the transport. */
  onDeadKey(fault: TelegramFault): void;
}

/** Of a client without listeners: only the answers to its own calls count. */
export const silentEvents: Omit<TelegramClientEvents, "onSession"> = {
  onUpdates: () => {},
  onServiceMessage: () => {},
  onLoginToken: () => {},
  onDyingKey: () => {},
  onDisconnected: () => {},
  onConnected: () => {},
  onEnded: () => {},
  onDeadKey: () => {},
};

export interface DataCentre extends Endpoint {
  readonly id: number;
  /** PEM of the RSA key to trust besides Telegram's own; null for Telegram itself. */
  readonly publicKeyPem: string | null;
}

/** The client libraries: mtcute, and GramJS under its package's name. Both read and write the same sessions. */
export const driverNames = ["mtcute", "telegram"] as const;
export type DriverName = (typeof driverNames)[number];

export interface TelegramDrivers {
  /** @throws HoldfastError DRIVER_MISSING */
  of(name: DriverName): Promise<TelegramDriver>;
  /**
   * Passes where the driver's library is installed; loads nothing.
   * @throws HoldfastError DRIVER_MISSING
   */
  requireInstalled(name: DriverName): void;
}

export interface TelegramDriver {
  readonly name: DriverName;
  open(options: {
    /** null makes a new key. */
    readonly session: Uint8Array | null;
    /** As the key's client before knew it; one that is over costs one more exchange. By default none is known. */
    readonly serverSalt?: string | null;
    readonly dial: (to: Endpoint) => Promise<Dialled>;
    readonly device: DeviceIdentity;
    readonly events: TelegramClientEvents;
  }): TelegramClient;
}

/** The settings of a driver, once per process. */
export interface TelegramDriverOptions {
  readonly apiId: number;
  readonly apiHash: string;
  readonly dataCentre: DataCentre | null;
}
