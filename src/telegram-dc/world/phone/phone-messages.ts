import { buttonsOf } from "../markup.ts";
import type { MarkupButton } from "../markup.ts";
import type { MailboxMessage, User } from "../model.ts";
import type { PeerName } from "./phone-lookup.ts";
import { findUser } from "./phone-lookup.ts";
import type { Users } from "../users.ts";

/** A message as a person sees it. */
export interface PhoneMessage {
  /** Its number in this account's message box. */
  readonly id: number;
  readonly peerId: bigint;
  readonly fromId: bigint;
  readonly isOutgoing: boolean;
  /** Seconds since the epoch. */
  readonly dateS: number;
  readonly editDateS: number | undefined;
  readonly text: string;
  /** The kind of `MessageMedia`, as Telegram's schema names it. */
  readonly media: string | undefined;
  /** Row by row. */
  readonly buttons: readonly (readonly MarkupButton[])[];
}

export interface MessageFilter {
  readonly peer?: PeerName | undefined;
  /** Only ids above this one. */
  readonly after?: number | undefined;
  /** The number of newest messages; 100 by default. */
  readonly limit?: number | undefined;
}

const limitDefault = 100;

export function toPhoneMessage(message: MailboxMessage): PhoneMessage {
  return {
    id: message.id,
    peerId: message.peerId,
    fromId: message.fromId,
    isOutgoing: message.isOutgoing,
    dateS: message.dateS,
    editDateS: message.editDateS,
    text: message.text,
    media: message.media?._,
    buttons: buttonsOf(message.replyMarkup),
  };
}

/** Oldest first. @throws ControlError UNKNOWN_USER */
export function listMessages(users: Users, user: User, filter: MessageFilter = {}): PhoneMessage[] {
  const peerId = filter.peer === undefined ? undefined : findUser(users, filter.peer).id;
  const found = [...user.mailbox.messages.values()].filter(
    (message) =>
      message.id > (filter.after ?? 0) && (peerId === undefined || message.peerId === peerId),
  );
  const limit = filter.limit ?? limitDefault;
  return limit === 0 ? [] : found.slice(-limit).map(toPhoneMessage);
}

/** The first matching message. */
export function firstMessage(
  user: User,
  isWanted: (message: MailboxMessage) => boolean,
): PhoneMessage | undefined {
  for (const message of user.mailbox.messages.values()) {
    if (isWanted(message)) return toPhoneMessage(message);
  }
  return undefined;
}
