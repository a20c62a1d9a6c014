import type { TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import type { LoginCode, LoginCodes } from "../login/login-codes.ts";
import type { Logins } from "../login/logins.ts";
import type { CodeWay } from "../model.ts";
import { badRequest, RpcError } from "../rpc-error.ts";
import { intField, isTlObject, optionalList, optionalText, textField } from "../tl-fields.ts";
import type { Users } from "../users.ts";
import type { MethodTable } from "./method.ts";

const codeLength = 5;
const resendAfterS = 60;

/** Login by code (https://core.telegram.org/api/auth). */
export function createCodeLoginMethods(deps: {
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly codes: LoginCodes;
  readonly logins: Logins;
}): MethodTable {
  const { users, codes, logins } = deps;

  function ownCode(query: TlObject): LoginCode {
    const hash = textField(query, "phone_code_hash");
    if (hash === "") throw badRequest("PHONE_CODE_HASH_EMPTY");
    const user = users.byPhone(textField(query, "phone_number"));
    const code = codes.find(hash);
    if (user === undefined) throw new RpcError(406, "PHONE_NUMBER_INVALID");
    if (code === undefined || code.userId !== user.id) throw badRequest("PHONE_CODE_EXPIRED");
    return code;
  }

  return {
    "auth.sendCode"(caller, query) {
      if (intField(query, "api_id") <= 0) throw badRequest("API_ID_INVALID");
      const user = users.byPhone(textField(query, "phone_number"));
      if (user === undefined || user.isBot) throw new RpcError(406, "PHONE_NUMBER_INVALID");
      if (user.deactivated === "banned") throw badRequest("PHONE_NUMBER_BANNED");
      if (logins.redeemFutureToken(user, logoutTokens(query))) {
        return {
          _: "auth.sentCodeSuccess",
          authorization: logins.authorise(caller.key, user),
        };
      }
      return sentCode(codes.issue(user), user.codeWay);
    },
    "auth.resendCode"(_caller, query) {
      const code = ownCode(query);
      if (code.via === "sms") throw badRequest("SEND_CODE_UNAVAILABLE");
      return sentCode(codes.resendBySms(code));
    },
    "auth.cancelCode"(_caller, query) {
      codes.forget(ownCode(query));
      return true;
    },
    "auth.signIn"(caller, query) {
      const code = ownCode(query);
      const given = optionalText(query, "phone_code") ?? "";
      if (given === "") throw badRequest("PHONE_CODE_EMPTY");
      if (!codes.matches(code, given)) throw badRequest("PHONE_CODE_INVALID");
      codes.forget(code);
      return logins.signIn(caller.key, code.userId);
    },
    "auth.signUp"() {
      throw badRequest("PHONE_NUMBER_APP_SIGNUP_FORBIDDEN");
    },
  };
}

function sentCode(code: LoginCode, way?: CodeWay): TlObject {
  if (way !== undefined) {
    return { _: "auth.sentCode", type: typesOfWays[way], phone_code_hash: code.hash };
  }
  const type = code.via === "app" ? "auth.sentCodeTypeApp" : "auth.sentCodeTypeSms";
  return {
    _: "auth.sentCode",
    type: { _: type, length: codeLength },
    phone_code_hash: code.hash,
    next_type: code.via === "app" ? { _: "auth.codeTypeSms" } : undefined,
    timeout: code.via === "app" ? resendAfterS : undefined,
  };
}

const typesOfWays: Readonly<Record<CodeWay, TlObject>> = {
  "email-setup": { _: "auth.sentCodeTypeSetUpEmailRequired", apple_signin_allowed: true },
  "flash-call": { _: "auth.sentCodeTypeFlashCall", pattern: "+33*" },
};

function logoutTokens(query: TlObject): Uint8Array[] {
  const settings = query["settings"];
  if (!isTlObject(settings)) return [];
  return (optionalList(settings, "logout_tokens") ?? []).filter(
    (token) => token instanceof Uint8Array,
  );
}
