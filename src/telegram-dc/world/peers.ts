import type { TlObject } from "../seam.ts";
import type { User } from "./model.ts";
import { badRequest } from "./rpc-error.ts";
import { intField, longField, objectField } from "./tl-fields.ts";
import type { Users } from "./users.ts";

/**
 * The user named by an InputPeer or InputUser (https://core.telegram.org/api/peers). A bot may give
 * access hash 0 for a user known from its message box.
 * @throws RpcError PEER_ID_INVALID, MSG_ID_INVALID, CHANNEL_INVALID
 */
export function resolvePeer(users: Users, viewer: User, input: TlObject): User {
  switch (input._) {
    case "inputPeerSelf":
    case "inputUserSelf":
      return viewer;
    case "inputPeerUser":
    case "inputUser":
      return byHash(users, viewer, longField(input, "user_id"), longField(input, "access_hash"));
    case "inputPeerUserFromMessage":
    case "inputUserFromMessage":
      return byMessage(users, viewer, input);
    case "inputPeerChannel":
    case "inputPeerChannelFromMessage":
      throw badRequest("CHANNEL_INVALID");
    default:
      throw badRequest("PEER_ID_INVALID");
  }
}

function byHash(users: Users, viewer: User, userId: bigint, accessHash: bigint): User {
  const user = users.get(userId);
  if (user === undefined) throw badRequest("PEER_ID_INVALID");
  const isKnownToBot = viewer.isBot && accessHash === 0n && hasStarted(viewer, userId);
  if (user !== viewer && !isKnownToBot && accessHash !== users.accessHash(viewer.id, userId)) {
    throw badRequest("PEER_ID_INVALID");
  }
  return user;
}

function byMessage(users: Users, viewer: User, input: TlObject): User {
  resolvePeer(users, viewer, objectField(input, "peer"));
  const message = viewer.mailbox.messages.get(intField(input, "msg_id"));
  if (message === undefined) throw badRequest("MSG_ID_INVALID");
  const userId = longField(input, "user_id");
  const user = users.get(userId);
  if (user === undefined || (message.fromId !== userId && message.peerId !== userId)) {
    throw badRequest("PEER_ID_INVALID");
  }
  return user;
}

/** Whether `userId` has ever written to this bot; the bot may write only then. */
export function hasStarted(bot: User, userId: bigint): boolean {
  return bot.mailbox.heardFrom.has(userId);
}
