import type { TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import type { RandomSource } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import type { AuthKeyRecord, User } from "../model.ts";
import { tlUser } from "../render.ts";
import { badRequest, unauthorised } from "../rpc-error.ts";
import type { Users } from "../users.ts";

/** The last step of every way to log in. */
export interface Logins {
  /** Logs the key in, or asks for the cloud password. @throws RpcError SESSION_PASSWORD_NEEDED */
  signIn(key: AuthKeyRecord, userId: bigint): TlObject;
  /** Logs the key in without further proof; returns an auth.authorization. */
  authorise(key: AuthKeyRecord, user: User): TlObject;
  /** A token for a later login of the account without a code. */
  issueFutureToken(user: User): Buffer;
  /** Whether one of the tokens is the account's; uses it up. */
  redeemFutureToken(user: User, tokens: readonly Uint8Array[]): boolean;
}

export interface LoginsDeps {
  readonly random: RandomSource;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly authKeys: AuthKeys;
}

export function createLogins(deps: LoginsDeps): Logins {
  const { random, users, authKeys } = deps;
  const futureTokens = new Map<string, bigint>();

  function authorise(key: AuthKeyRecord, user: User): TlObject {
    if (user.deactivated === "banned") throw unauthorised("USER_DEACTIVATED_BAN");
    if (user.deactivated === "deactivated") throw unauthorised("USER_DEACTIVATED");
    authKeys.authorise(key, user);
    return { _: "auth.authorization", user: tlUser(users, user, user.id) };
  }

  return {
    authorise,
    signIn(key, userId) {
      const user = users.get(userId);
      if (user === undefined) throw badRequest("PHONE_NUMBER_UNOCCUPIED");
      if (user.password !== undefined) {
        key.passwordPendingUserId = user.id;
        throw unauthorised("SESSION_PASSWORD_NEEDED");
      }
      return authorise(key, user);
    },
    issueFutureToken(user) {
      const token = random.bytes(20);
      futureTokens.set(token.toString("hex"), user.id);
      return token;
    },
    redeemFutureToken(user, tokens) {
      for (const token of tokens) {
        const hex = Buffer.from(token).toString("hex");
        if (futureTokens.get(hex) !== user.id) continue;
        futureTokens.delete(hex);
        return true;
      }
      return false;
    },
  };
}
