import type { TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import { chatMessages, removeMessage } from "../mailbox.ts";
import type { MailboxMessage, User } from "../model.ts";
import { resolvePeer } from "../peers.ts";
import type { Post } from "../post.ts";
import { tlMessage, tlPeer, tlUsersOf } from "../render.ts";
import { badRequest } from "../rpc-error.ts";
import { intField, listField, objectField, objectsField } from "../tl-fields.ts";
import type { Users } from "../users.ts";
import type { Caller, MethodTable } from "./method.ts";

export interface ReadingDeps {
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly post: Post;
}

const pageMax = 100;

/** History, single messages, dialogs, reading and deleting. */
export function createReadingMethods(deps: ReadingDeps): MethodTable {
  const { users, authKeys, post } = deps;

  function requirePerson(caller: Caller): User {
    const user = authKeys.requireUser(caller.key);
    if (user.isBot) throw badRequest("BOT_METHOD_INVALID");
    return user;
  }

  return {
    "messages.getHistory"(caller, query) {
      const user = requirePerson(caller);
      const peer = resolvePeer(users, user, objectField(query, "peer"));
      const all = chatMessages(user.mailbox, peer.id);
      return tlMessages(users, user, pageOf(all, query), all.length, peer.id);
    },
    "messages.getMessages"(caller, query) {
      const user = authKeys.requireUser(caller.key);
      const found = objectsField(query, "id").map((input) => {
        const id = intField(input, "id");
        const message = user.mailbox.messages.get(id);
        return message === undefined ? { _: "messageEmpty", id } : tlMessage(message);
      });
      const peers = [...user.mailbox.heardFrom];
      return {
        _: "messages.messages",
        messages: found,
        topics: [],
        chats: [],
        users: tlUsersOf(users, user.id, peers),
      };
    },
    "messages.getDialogs"(caller) {
      return tlDialogs(users, requirePerson(caller));
    },
    "messages.readHistory"(caller, query) {
      const user = requirePerson(caller);
      const peer = resolvePeer(users, user, objectField(query, "peer"));
      return readUpTo(deps, caller, user, peer, intField(query, "max_id"));
    },
    "messages.deleteMessages"(caller, query) {
      const user = authKeys.requireUser(caller.key);
      const ids = listField(query, "id").filter((id) => typeof id === "number");
      const forBoth = query["revoke"] === true || user.isBot;
      const removed = ids.flatMap((id) => removeMessage(user.mailbox, id) ?? []);
      if (forBoth) {
        for (const message of removed) removeOtherCopy(deps, user, message);
      }
      if (removed.length === 0) {
        return { _: "messages.affectedMessages", pts: user.mailbox.pts, pts_count: 0 };
      }
      const update = { _: "updateDeleteMessages", messages: removed.map((message) => message.id) };
      post.change(user, update, removed.length, caller.connection);
      return {
        _: "messages.affectedMessages",
        pts: user.mailbox.pts,
        pts_count: removed.length,
      };
    },
  };
}

/** One page, newest first, as https://core.telegram.org/api/offsets describes. */
function pageOf(newestFirst: readonly MailboxMessage[], query: TlObject): MailboxMessage[] {
  const offsetId = intField(query, "offset_id");
  const offsetDateS = intField(query, "offset_date");
  const maxId = intField(query, "max_id");
  const minId = intField(query, "min_id");
  const limit = Math.min(Math.max(intField(query, "limit"), 0), pageMax);
  const isOlder = (message: MailboxMessage): boolean =>
    (offsetId === 0 || message.id < offsetId) && (offsetDateS === 0 || message.dateS < offsetDateS);
  const found = newestFirst.findIndex(isOlder);
  const start = (found === -1 ? newestFirst.length : found) + intField(query, "add_offset");
  return newestFirst
    .slice(Math.max(start, 0), Math.max(start + limit, 0))
    .filter((message) => (maxId === 0 || message.id < maxId) && message.id > minId);
}

function tlMessages(
  users: Users,
  viewer: User,
  page: readonly MailboxMessage[],
  total: number,
  peerId: bigint,
): TlObject {
  const isWhole = page.length === total;
  return {
    _: isWhole ? "messages.messages" : "messages.messagesSlice",
    count: isWhole ? undefined : total,
    messages: page.map(tlMessage),
    topics: [],
    chats: [],
    users: tlUsersOf(users, viewer.id, [peerId]),
  };
}

function tlDialogs(users: Users, viewer: User): TlObject {
  const newest = new Map<bigint, MailboxMessage>();
  const unread = new Map<bigint, number>();
  for (const message of viewer.mailbox.messages.values()) {
    newest.set(message.peerId, message);
    const isUnread =
      !message.isOutgoing && message.id > (viewer.mailbox.readInboxMaxId.get(message.peerId) ?? 0);
    if (isUnread) unread.set(message.peerId, (unread.get(message.peerId) ?? 0) + 1);
  }
  const tops = [...newest.values()].toSorted((a, b) => b.id - a.id);
  return {
    _: "messages.dialogs",
    dialogs: tops.map((top) => ({
      _: "dialog",
      peer: tlPeer(top.peerId),
      top_message: top.id,
      read_inbox_max_id: viewer.mailbox.readInboxMaxId.get(top.peerId) ?? 0,
      read_outbox_max_id: viewer.mailbox.readOutboxMaxId.get(top.peerId) ?? 0,
      unread_count: unread.get(top.peerId) ?? 0,
      unread_mentions_count: 0,
      unread_reactions_count: 0,
      notify_settings: { _: "peerNotifySettings" },
    })),
    messages: tops.map(tlMessage),
    chats: [],
    users: tlUsersOf(users, viewer.id, newest.keys()),
  };
}

function readUpTo(
  deps: ReadingDeps,
  caller: Caller,
  user: User,
  peer: User,
  maxId: number,
): TlObject {
  const chat = chatMessages(user.mailbox, peer.id);
  const newestRead = chat.find((message) => maxId === 0 || message.id <= maxId);
  const before = user.mailbox.readInboxMaxId.get(peer.id) ?? 0;
  if (newestRead === undefined || newestRead.id <= before) {
    return { _: "messages.affectedMessages", pts: user.mailbox.pts, pts_count: 0 };
  }
  user.mailbox.readInboxMaxId.set(peer.id, newestRead.id);
  const stillUnread = chat.filter(
    (message) => !message.isOutgoing && message.id > newestRead.id,
  ).length;
  deps.post.change(
    user,
    {
      _: "updateReadHistoryInbox",
      peer: tlPeer(peer.id),
      max_id: newestRead.id,
      still_unread_count: stillUnread,
    },
    1,
    caller.connection,
  );
  const pts = user.mailbox.pts;
  const peerMaxId = peer.mailbox.idByOrigin.get(newestRead.originId);
  if (peer !== user && peerMaxId !== undefined) {
    peer.mailbox.readOutboxMaxId.set(user.id, peerMaxId);
    deps.post.change(
      peer,
      { _: "updateReadHistoryOutbox", peer: tlPeer(user.id), max_id: peerMaxId },
      1,
    );
  }
  return { _: "messages.affectedMessages", pts, pts_count: 1 };
}

function removeOtherCopy(deps: ReadingDeps, user: User, message: MailboxMessage): void {
  const peer = deps.users.get(message.peerId);
  const id = peer?.mailbox.idByOrigin.get(message.originId);
  if (peer === undefined || peer === user || id === undefined) return;
  removeMessage(peer.mailbox, id);
  deps.post.change(peer, { _: "updateDeleteMessages", messages: [id] }, 1);
}
