import type { Fault, FaultSpec } from "../faults.ts";
import type { FileSpec } from "../files.ts";
import type { LoginCode } from "../login/login-codes.ts";
import type { CodeWay } from "../model.ts";
import type { ButtonPress, PeerName } from "./phone-lookup.ts";
import type { MessageFilter, PhoneMessage } from "./phone-messages.ts";
import type { UserSpec } from "../users.ts";

/** An account as the phone shows it. */
export interface PhoneUser {
  readonly id: bigint;
  /** The account's access hash for itself. */
  readonly accessHash: bigint;
  readonly phone: string | undefined;
  readonly username: string | undefined;
  readonly botToken: string | undefined;
}

/** A message that arrived at an account, or was edited there. */
interface PhoneEvent {
  readonly kind: "message" | "edit";
  readonly userId: bigint;
  readonly message: PhoneMessage;
}

/** The bot's answer to a pressed button. */
interface ButtonAnswer {
  readonly text: string | undefined;
  readonly isAlert: boolean;
  readonly url: string | undefined;
}

/** A session of an account: one logged-in key. */
export interface Authorisation {
  readonly authKeyId: string;
  readonly hash: bigint;
  readonly deviceModel: string;
  readonly createdAtMs: number;
  readonly activeAtMs: number;
  readonly address: string;
}

/**
 * Plays the people: creates accounts, reads codes, writes and presses as a user, orders faults.
 * Nothing here passes through MTProto; its effects reach clients as Telegram's updates would. Every
 * method throws ControlError for an impossible request, and then nothing has changed.
 */
export interface Phone {
  createUser(spec: UserSpec): PhoneUser;
  user(name: PeerName): PhoneUser;
  users(): PhoneUser[];
  /** The newest login code that has not expired. */
  readCode(name: PeerName): LoginCode | undefined;
  /** Sets the answer to requests for a login code from now on; undefined restores the usual one. */
  sendCodesBy(name: PeerName, way: CodeWay | undefined): void;
  /** The standing code, or the next one issued; undefined after `waitMs`. */
  waitForCode(name: PeerName, waitMs: number): Promise<LoginCode | undefined>;
  /**
   * Writes as the user. With a file, the text is its caption and may be empty. A repeated
   * `randomId` changes nothing and returns the first message's id.
   */
  send(
    from: PeerName,
    message: { peer: PeerName; text: string; randomId?: bigint; file?: FileSpec },
  ): {
    messageId: number;
  };
  /** Presses a button under a message. @throws ControlError BOT_RESPONSE_TIMEOUT when the bot stays silent */
  press(user: PeerName, press: ButtonPress): Promise<ButtonAnswer>;
  /** Messages of the account, oldest first. */
  messages(name: PeerName, filter?: MessageFilter): PhoneMessage[];
  /** The first incoming message after id `after`, past or future; undefined after `waitMs`. */
  waitForMessage(
    name: PeerName,
    options: { after?: number; peer?: PeerName; waitMs: number },
  ): Promise<PhoneMessage | undefined>;
  authorisations(name: PeerName): Authorisation[];
  /** Scans a QR code as the user: the key that showed it may log in to the account. */
  acceptLoginToken(name: PeerName, token: Uint8Array): Authorisation;
  addFault(spec: FaultSpec): Fault;
  removeFault(id: number): boolean;
  clearFaults(): void;
  faults(): readonly Fault[];
  /** Every incoming message and every edit of every account; the returned function unsubscribes. */
  subscribe(listener: (event: PhoneEvent) => void): () => void;
}
