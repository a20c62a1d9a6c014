import type { ClientIdentity, TlObject } from "../seam.ts";

/** Salts and verifier of a cloud password (https://core.telegram.org/api/srp); the password itself is not kept. */
export interface CloudPassword {
  readonly salt1: Buffer;
  readonly salt2: Buffer;
  readonly verifier: bigint;
  readonly hint: string;
}

/**
 * The answer to a request for a code where none can be typed in: Telegram wants an e-mail address
 * first, or it calls the phone and the caller's number is the code.
 */
export const codeWays = ["email-setup", "flash-call"] as const;
export type CodeWay = (typeof codeWays)[number];

/** A person or a bot. */
export interface User {
  readonly id: bigint;
  /** Digits only; undefined for bots. */
  readonly phone: string | undefined;
  readonly firstName: string;
  readonly lastName: string | undefined;
  /** As given; compared without regard to case. */
  readonly username: string | undefined;
  /** Bots are told it; undefined: not known. */
  readonly langCode: string | undefined;
  readonly isBot: boolean;
  readonly botToken: string | undefined;
  readonly password: CloudPassword | undefined;
  /** undefined: codes come by the service account or by SMS. */
  codeWay?: CodeWay | undefined;
  deactivated: "deactivated" | "banned" | undefined;
  readonly mailbox: Mailbox;
}

/** One user's copy of a message. Both copies share `originId`; ids count per user, as in Telegram's private chats. */
export interface MailboxMessage {
  readonly id: number;
  readonly originId: number;
  readonly isOutgoing: boolean;
  readonly fromId: bigint;
  /** The other side of the private chat. */
  readonly peerId: bigint;
  readonly dateS: number;
  text: string;
  /** `MessageMedia` of Telegram's schema; undefined for a plain text. */
  readonly media: TlObject | undefined;
  entities: readonly TlObject[] | undefined;
  replyMarkup: TlObject | undefined;
  readonly replyToId: number | undefined;
  editDateS: number | undefined;
}

/**
 * One step of a user's common message box; `messageId` marks a new message, `update` anything else.
 */
export interface UpdateEntry {
  readonly pts: number;
  readonly ptsCount: number;
  readonly messageId: number | undefined;
  readonly update: TlObject | undefined;
}

/** A user's whole view of Telegram. */
export interface Mailbox {
  pts: number;
  messageIdLast: number;
  readonly messages: Map<number, MailboxMessage>;
  readonly idByOrigin: Map<number, number>;
  /** The newest entries, in order of pts; bounded. */
  readonly log: UpdateEntry[];
  /** Highest read message id in each chat. */
  readonly readInboxMaxId: Map<bigint, number>;
  readonly readOutboxMaxId: Map<bigint, number>;
  /** Users who have ever written to this user. */
  readonly heardFrom: Set<bigint>;
  /** `random_id` of sent messages, oldest first; bounded. */
  readonly randomIds: Map<string, number>;
}

/** The reason why a key no longer serves. */
type DeathReason = "duplicated" | "revoked";

/** The data centre's record of one permanent auth key. */
export interface AuthKeyRecord {
  readonly id: string;
  readonly createdAtMs: number;
  /** The account of the key's login. */
  userId: bigint | undefined;
  /** The account whose cloud password the key must still prove. */
  passwordPendingUserId: bigint | undefined;
  /** The key's number in the list of authorisations. */
  authorisationHash: bigint | undefined;
  authorisedAtMs: number | undefined;
  activeAtMs: number;
  address: string;
  identity: ClientIdentity | undefined;
  death: { readonly reason: DeathReason; readonly atMs: number; answers: number } | undefined;
}

/** Telegram's service account, which brings login codes. */
export const serviceUserId = 777000n;
