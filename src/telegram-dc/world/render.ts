import type { TlObject } from "../seam.ts";
import {
  type Mailbox,
  type MailboxMessage,
  serviceUserId,
  type UpdateEntry,
  type User,
} from "./model.ts";
import type { Users } from "./users.ts";

/** A user as `viewerId` sees it. */
export function tlUser(users: Users, user: User, viewerId: bigint): TlObject {
  const isSelf = user.id === viewerId;
  const isService = user.id === serviceUserId;
  if (user.deactivated !== undefined) return { _: "user", id: user.id, deleted: true };
  return {
    _: "user",
    id: user.id,
    self: isSelf,
    access_hash: users.accessHash(viewerId, user.id),
    first_name: user.firstName,
    last_name: user.lastName,
    username: user.username,
    lang_code: users.get(viewerId)?.isBot === true ? user.langCode : undefined,
    phone: isSelf || isService ? user.phone : undefined,
    bot: user.isBot,
    bot_info_version: user.isBot ? 1 : undefined,
    verified: isService,
    support: isService,
  };
}

export function tlPeer(userId: bigint): TlObject {
  return { _: "peerUser", user_id: userId };
}

export function tlMessage(message: MailboxMessage): TlObject {
  return {
    _: "message",
    out: message.isOutgoing,
    id: message.id,
    from_id: tlPeer(message.fromId),
    peer_id: tlPeer(message.peerId),
    reply_to:
      message.replyToId === undefined
        ? undefined
        : { _: "messageReplyHeader", reply_to_msg_id: message.replyToId },
    date: message.dateS,
    message: message.text,
    media: message.media,
    reply_markup: message.replyMarkup,
    entities: message.entities,
    edit_date: message.editDateS,
  };
}

/** The update of a log entry; undefined when its message has been deleted since. */
export function tlUpdate(mailbox: Mailbox, entry: UpdateEntry): TlObject | undefined {
  if (entry.messageId === undefined) return entry.update;
  const message = mailbox.messages.get(entry.messageId);
  if (message === undefined) return undefined;
  return {
    _: "updateNewMessage",
    message: tlMessage(message),
    pts: entry.pts,
    pts_count: entry.ptsCount,
  };
}

/** The users mentioned by the messages, without repetition, and the viewer. */
export function tlUsersOf(
  users: Users,
  viewerId: bigint,
  mentionedIds: Iterable<bigint>,
): TlObject[] {
  const rendered: TlObject[] = [];
  for (const id of new Set([viewerId, ...mentionedIds])) {
    const user = users.get(id);
    if (user !== undefined) rendered.push(tlUser(users, user, viewerId));
  }
  return rendered;
}

/** An Updates envelope. seq 0 means: apply at once, by pts alone (https://core.telegram.org/api/updates). */
export function tlUpdates(
  updates: readonly TlObject[],
  users: readonly TlObject[],
  dateS: number,
): TlObject {
  return { _: "updates", updates, users, chats: [], date: dateS, seq: 0 };
}

export function tlShortUpdate(update: TlObject, dateS: number): TlObject {
  return { _: "updateShort", update, date: dateS };
}
