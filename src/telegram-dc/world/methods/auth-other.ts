import type { TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import { type Clock, dateSeconds } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import type { LoginToken, LoginTokens } from "../login/login-tokens.ts";
import type { Logins } from "../login/logins.ts";
import type { AuthKeyRecord, User } from "../model.ts";
import type { Pushes } from "../pushes.ts";
import { tlShortUpdate } from "../render.ts";
import { badRequest } from "../rpc-error.ts";
import { tlAuthorisation } from "../sessions.ts";
import { bytesField, textField } from "../tl-fields.ts";
import type { Users } from "../users.ts";
import type { MethodTable } from "./method.ts";

export interface OtherLoginDeps {
  readonly clock: Clock;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly logins: Logins;
  readonly loginTokens: LoginTokens;
  readonly pushes: Pushes;
}

/**
 * Accepts a login token for `user` and tells the waiting client so.
 * @returns the key that is about to log in
 */
export function acceptLoginToken(
  deps: Pick<OtherLoginDeps, "clock" | "authKeys" | "loginTokens" | "pushes">,
  user: User,
  token: Uint8Array,
): AuthKeyRecord {
  const accepted = deps.loginTokens.accept(token, user);
  const update = tlShortUpdate({ _: "updateLoginToken" }, dateSeconds(deps.clock));
  deps.pushes.toKey(accepted.authKeyId, update);
  return deps.authKeys.ensure(accepted.authKeyId);
}

/** Login by bot token and by QR token, and logging out. */
export function createOtherLoginMethods(deps: OtherLoginDeps): MethodTable {
  const { config, users, authKeys, logins, loginTokens } = deps;

  function settle(token: LoginToken, key: AuthKeyRecord): TlObject {
    if (token.acceptedBy === undefined) {
      return {
        _: "auth.loginToken",
        expires: Math.floor(token.expiresAtMs / 1000),
        token: token.token,
      };
    }
    loginTokens.forget(token);
    return {
      _: "auth.loginTokenSuccess",
      authorization: logins.signIn(key, token.acceptedBy),
    };
  }

  return {
    "auth.importBotAuthorization"(caller, query) {
      const bot = users.byBotToken(textField(query, "bot_auth_token"));
      if (bot === undefined) throw badRequest("ACCESS_TOKEN_INVALID");
      return logins.authorise(caller.key, bot);
    },
    "auth.exportLoginToken"(caller) {
      return settle(loginTokens.ofKey(caller.key.id), caller.key);
    },
    "auth.importLoginToken"(caller, query) {
      const token = loginTokens.find(bytesField(query, "token"));
      if (token === undefined || token.authKeyId !== caller.key.id) {
        throw badRequest("AUTH_TOKEN_INVALIDX");
      }
      if (token.acceptedBy === undefined && token.expiresAtMs <= deps.clock.nowMs()) {
        throw badRequest("AUTH_TOKEN_EXPIRED");
      }
      return settle(token, caller.key);
    },
    "auth.acceptLoginToken"(caller, query) {
      const user = authKeys.requireUser(caller.key);
      const key = acceptLoginToken(deps, user, bytesField(query, "token"));
      return tlAuthorisation(key, caller.key);
    },
    "auth.logOut"(caller) {
      const user = authKeys.requireUser(caller.key);
      authKeys.logOut(caller.key);
      return {
        _: "auth.loggedOut",
        future_auth_token:
          config.givesFutureAuthTokens && !user.isBot ? logins.issueFutureToken(user) : undefined,
      };
    },
  };
}
