import type { AuthKeys } from "../auth-keys.ts";
import type { Clock } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import type { AuthKeyRecord } from "../model.ts";
import { badRequest, RpcError } from "../rpc-error.ts";
import { tlAuthorisation } from "../sessions.ts";
import { longField } from "../tl-fields.ts";
import type { MethodTable } from "./method.ts";

const authorisationLifeDays = 180;

/** The account's list of sessions, and ending them. */
export function createAccountMethods(deps: {
  readonly clock: Clock;
  readonly config: WorldConfig;
  readonly authKeys: AuthKeys;
}): MethodTable {
  const { clock, config, authKeys } = deps;

  function othersOf(key: AuthKeyRecord): AuthKeyRecord[] {
    const user = authKeys.requireUser(key);
    return authKeys.ofUser(user.id).filter((other) => other !== key);
  }
  function refuseFresh(key: AuthKeyRecord): void {
    if (clock.nowMs() - (key.authorisedAtMs ?? 0) < config.freshSessionMs) {
      throw new RpcError(406, "FRESH_RESET_AUTHORISATION_FORBIDDEN");
    }
  }

  return {
    "account.getAuthorizations"(caller) {
      const keys = [caller.key, ...othersOf(caller.key)];
      return {
        _: "account.authorizations",
        authorization_ttl_days: authorisationLifeDays,
        authorizations: keys.map((key) => tlAuthorisation(key, caller.key)),
      };
    },
    "account.resetAuthorization"(caller, query) {
      const hash = longField(query, "hash");
      const found = othersOf(caller.key).find((other) => other.authorisationHash === hash);
      if (found === undefined) throw badRequest("HASH_INVALID");
      refuseFresh(caller.key);
      authKeys.revoke(found);
      return true;
    },
    "auth.resetAuthorizations"(caller) {
      const others = othersOf(caller.key);
      refuseFresh(caller.key);
      for (const other of others) authKeys.revoke(other);
      return true;
    },
    "account.updateStatus"(caller) {
      authKeys.requireUser(caller.key);
      return true;
    },
    "account.registerDevice"(caller) {
      authKeys.requireUser(caller.key);
      return true;
    },
  };
}
