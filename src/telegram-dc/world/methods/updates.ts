import type { TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import type { Callbacks } from "../callbacks.ts";
import { type Clock, dateSeconds } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import { entriesAfter } from "../mailbox.ts";
import type { UpdateEntry, User } from "../model.ts";
import { tlUpdate, tlUsersOf } from "../render.ts";
import { badRequest } from "../rpc-error.ts";
import { intField, isTlObject, optionalInt } from "../tl-fields.ts";
import type { Users } from "../users.ts";
import type { Caller, MethodTable } from "./method.ts";

/**
 * seq and qts never move here: every update belongs to a message box, and there are no secret
 * chats.
 */
const constantSeq = 1;
const constantQts = 0;

export interface UpdatesDeps {
  readonly clock: Clock;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly callbacks: Callbacks;
}

/** State and gaps (https://core.telegram.org/api/updates). */
export function createUpdatesMethods(deps: UpdatesDeps): MethodTable {
  const { clock, config, authKeys, callbacks } = deps;

  function caughtUp(caller: Caller): User {
    const user = authKeys.requireUser(caller.key);
    if (user.isBot) callbacks.repeatTo(user, caller.connection);
    return user;
  }

  return {
    "updates.getState"(caller) {
      const user = caughtUp(caller);
      return tlState(clock, user.mailbox.pts);
    },
    "updates.getDifference"(caller, query) {
      const user = caughtUp(caller);
      const pts = intField(query, "pts");
      if (pts === 0) throw badRequest("PERSISTENT_TIMESTAMP_EMPTY");
      if (pts < 0) throw badRequest("PERSISTENT_TIMESTAMP_INVALID");
      const gapMax = Math.min(
        config.differenceGapMax,
        optionalInt(query, "pts_total_limit") ?? config.differenceGapMax,
      );
      const entries = entriesAfter(user.mailbox, pts);
      if (entries === undefined || user.mailbox.pts - pts > gapMax) {
        return { _: "updates.differenceTooLong", pts: user.mailbox.pts };
      }
      if (entries.length === 0) {
        return { _: "updates.differenceEmpty", date: dateSeconds(clock), seq: constantSeq };
      }
      return tlDifference(deps, user, entries, optionalInt(query, "pts_limit"));
    },
    "updates.getChannelDifference"(caller) {
      authKeys.requireUser(caller.key);
      throw badRequest("CHANNEL_INVALID");
    },
  };
}

function tlState(clock: Clock, pts: number): TlObject {
  return {
    _: "updates.state",
    pts,
    qts: constantQts,
    date: dateSeconds(clock),
    seq: constantSeq,
    unread_count: 0,
  };
}

function tlDifference(
  deps: UpdatesDeps,
  user: User,
  entries: readonly UpdateEntry[],
  wantedMax: number | undefined,
): TlObject {
  const { clock, config, users } = deps;
  const slice = entries.slice(0, Math.min(config.differenceSliceMax, wantedMax ?? Infinity));
  const isWhole = slice.length === entries.length;
  const updates = slice.flatMap((entry) => tlUpdate(user.mailbox, entry) ?? []);
  const newMessages = updates.flatMap((update) =>
    update._ === "updateNewMessage" && isTlObject(update["message"]) ? [update["message"]] : [],
  );
  const peers = slice.flatMap((entry) => {
    const message =
      entry.messageId === undefined ? undefined : user.mailbox.messages.get(entry.messageId);
    return message === undefined ? [] : [message.peerId];
  });
  const state = tlState(clock, slice.at(-1)?.pts ?? user.mailbox.pts);
  return {
    _: isWhole ? "updates.difference" : "updates.differenceSlice",
    new_messages: newMessages,
    new_encrypted_messages: [],
    other_updates: updates.filter((update) => update._ !== "updateNewMessage"),
    chats: [],
    users: tlUsersOf(users, user.id, peers),
    [isWhole ? "state" : "intermediate_state"]: state,
  };
}
