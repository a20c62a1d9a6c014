import type { AuthKeys } from "../auth-keys.ts";
import type { Callbacks } from "../callbacks.ts";
import { resolvePeer } from "../peers.ts";
import { badRequest } from "../rpc-error.ts";
import { intField, longField, objectField, optionalBytes, optionalText } from "../tl-fields.ts";
import { codePoints } from "../text-length.ts";
import type { Users } from "../users.ts";
import type { MethodTable } from "./method.ts";

const answerLengthMax = 200;

/** Inline buttons (https://core.telegram.org/api/bots/buttons). */
export function createCallbackMethods(deps: {
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly callbacks: Callbacks;
}): MethodTable {
  const { users, authKeys, callbacks } = deps;
  return {
    "messages.getBotCallbackAnswer"(caller, query) {
      const user = authKeys.requireUser(caller.key);
      if (user.isBot) throw badRequest("BOT_METHOD_INVALID");
      resolvePeer(users, user, objectField(query, "peer"));
      const data = optionalBytes(query, "data");
      if (data === undefined) throw badRequest("DATA_INVALID");
      return callbacks.press(user, intField(query, "msg_id"), data);
    },
    "messages.setBotCallbackAnswer"(caller, query) {
      const bot = authKeys.requireUser(caller.key);
      if (!bot.isBot) throw badRequest("USER_BOT_REQUIRED");
      const message = optionalText(query, "message");
      if (message !== undefined && codePoints(message) > answerLengthMax) {
        throw badRequest("MESSAGE_TOO_LONG");
      }
      const url = optionalText(query, "url");
      callbacks.answer(bot, longField(query, "query_id"), {
        _: "messages.botCallbackAnswer",
        alert: query["alert"] === true,
        has_url: url !== undefined,
        message,
        url,
        cache_time: intField(query, "cache_time"),
      });
      return true;
    },
  };
}
