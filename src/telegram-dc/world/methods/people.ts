import type { TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import type { User } from "../model.ts";
import { resolvePeer } from "../peers.ts";
import { tlPeer, tlUser, tlUsersOf } from "../render.ts";
import { badRequest, RpcError } from "../rpc-error.ts";
import { objectField, objectsField, optionalLong, textField } from "../tl-fields.ts";
import type { Users } from "../users.ts";
import type { MethodTable } from "./method.ts";

/** Finding people and looking at them (https://core.telegram.org/api/peers). */
export function createPeopleMethods(deps: {
  readonly users: Users;
  readonly authKeys: AuthKeys;
}): MethodTable {
  const { users, authKeys } = deps;

  function tlResolved(viewer: User, user: User): TlObject {
    return {
      _: "contacts.resolvedPeer",
      peer: tlPeer(user.id),
      chats: [],
      users: [tlUser(users, user, viewer.id)],
    };
  }
  function tlUserOrEmpty(viewer: User, input: TlObject): TlObject {
    try {
      return tlUser(users, resolvePeer(users, viewer, input), viewer.id);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return { _: "userEmpty", id: optionalLong(input, "user_id") ?? 0n };
    }
  }

  return {
    "users.getUsers"(caller, query) {
      const viewer = authKeys.requireUser(caller.key);
      return objectsField(query, "id").map((input) => tlUserOrEmpty(viewer, input));
    },
    "users.getFullUser"(caller, query) {
      const viewer = authKeys.requireUser(caller.key);
      const user = resolvePeer(users, viewer, objectField(query, "id"));
      return {
        _: "users.userFull",
        full_user: {
          _: "userFull",
          id: user.id,
          settings: { _: "peerSettings" },
          notify_settings: { _: "peerNotifySettings" },
          common_chats_count: 0,
        },
        chats: [],
        users: tlUsersOf(users, viewer.id, [user.id]),
      };
    },
    "contacts.resolveUsername"(caller, query) {
      const viewer = authKeys.requireUser(caller.key);
      const user = users.byUsername(textField(query, "username"));
      if (user === undefined) throw badRequest("USERNAME_NOT_OCCUPIED");
      return tlResolved(viewer, user);
    },
    "contacts.resolvePhone"(caller, query) {
      const viewer = authKeys.requireUser(caller.key);
      if (viewer.isBot) throw badRequest("BOT_METHOD_INVALID");
      const user = users.byPhone(textField(query, "phone"));
      if (user === undefined || user.isBot) throw badRequest("PHONE_NOT_OCCUPIED");
      return tlResolved(viewer, user);
    },
    "contacts.getContacts"(caller) {
      authKeys.requireUser(caller.key);
      return { _: "contacts.contacts", contacts: [], saved_count: 0, users: [] };
    },
  };
}
