import type { tl } from "@mtcute/core";
import { computeSrpParams } from "@mtcute/core/utils.js";
import type { CodeVia, SentCode, TelegramDriverOptions } from "../../ports/telegram/telegram.ts";
import { refused } from "../../ports/telegram/telegram-error.ts";
import { createNodeCrypto } from "./node-crypto.ts";
import type { Calls, RawCall } from "./raw-call.ts";

type LoginCalls = Pick<
  Calls,
  | "self"
  | "requestCode"
  | "signIn"
  | "passwordHint"
  | "checkPassword"
  | "loginToken"
  | "acceptLoginToken"
  | "signInBot"
  | "logOut"
>;

/** Ways of a code that a person can read it from; https://core.telegram.org/type/auth.SentCodeType */
const readableWays: Readonly<Record<string, CodeVia>> = {
  "auth.sentCodeTypeApp": "app",
  "auth.sentCodeTypeSms": "sms",
  "auth.sentCodeTypeFragmentSms": "fragment",
  "auth.sentCodeTypeSmsWord": "words",
  "auth.sentCodeTypeSmsPhrase": "words",
  "auth.sentCodeTypeCall": "call",
  "auth.sentCodeTypeMissedCall": "missed-call",
  "auth.sentCodeTypeEmailCode": "email",
};

/** How an account is logged in and out (https://core.telegram.org/api/auth). */
export function createLoginCalls(
  call: RawCall,
  { apiId, apiHash }: Pick<TelegramDriverOptions, "apiId" | "apiHash">,
): LoginCalls {
  return {
    async self() {
      const [user] = await call({ _: "users.getUsers", id: [{ _: "inputUserSelf" }] });
      if (user?._ !== "user") {
        throw refused("SELF_UNKNOWN", "Telegram does not say who this session belongs to");
      }
      const phone = user.phone === undefined ? null : `+${user.phone.replace(/^\+/, "")}`;
      return {
        userId: String(user.id),
        isBot: user.bot === true,
        phone,
        username: user.username ?? null,
        firstName: user.firstName ?? null,
      };
    },
    async requestCode(phone) {
      const sent = await call({
        _: "auth.sendCode",
        phoneNumber: phone,
        apiId,
        apiHash,
        settings: { _: "codeSettings" },
      });
      return sentCode(sent);
    },
    async signIn({ phone, codeHash, code, via }) {
      const signed = await call({
        _: "auth.signIn",
        phoneNumber: phone,
        phoneCodeHash: codeHash,
        ...(via === "email"
          ? { emailVerification: { _: "emailVerificationCode", code } }
          : { phoneCode: code }),
      });
      if (signed._ !== "auth.authorization") throw signUpRequired();
    },
    async passwordHint() {
      const { hasPassword, hint } = await call({ _: "account.getPassword" });
      return hasPassword === true ? (hint ?? "") : null;
    },
    async checkPassword(password) {
      const asked = await call({ _: "account.getPassword" });
      const proof = await computeSrpParams(createNodeCrypto(), asked, password);
      const checked = await call({ _: "auth.checkPassword", password: proof });
      if (checked._ !== "auth.authorization") throw signUpRequired();
    },
    async loginToken() {
      const answer = await call({ _: "auth.exportLoginToken", apiId, apiHash, exceptIds: [] });
      switch (answer._) {
        case "auth.loginToken":
          return { token: answer.token, expiresAtMs: answer.expires * 1000 };
        case "auth.loginTokenSuccess":
          if (answer.authorization._ !== "auth.authorization") throw signUpRequired();
          return null;
        case "auth.loginTokenMigrateTo":
          throw refused(
            "OTHER_DATA_CENTRE",
            `Telegram keeps this account in data centre ${answer.dcId}, which this node does not connect to`,
          );
      }
    },
    async acceptLoginToken(token) {
      await call({ _: "auth.acceptLoginToken", token });
    },
    async signInBot(token) {
      await call({
        _: "auth.importBotAuthorization",
        flags: 0,
        apiId,
        apiHash,
        botAuthToken: token,
      });
    },
    async logOut() {
      await call({ _: "auth.logOut" });
    },
  };
}

function sentCode(sent: tl.auth.TypeSentCode): SentCode {
  if (sent._ !== "auth.sentCode") {
    throw refused("CODE_NOT_SENT", `Telegram answered ${sent._} to the request for a code`);
  }
  const { type, phoneCodeHash: codeHash } = sent;
  if (type._ === "auth.sentCodeTypeSetUpEmailRequired") {
    throw refused(
      "EMAIL_SETUP_REQUIRED",
      "Telegram wants an e-mail address for this account before it sends a code; set one up in Telegram itself",
    );
  }
  const via = readableWays[type._];
  if (via === undefined) {
    throw refused(
      "CODE_WAY_UNKNOWN",
      `Telegram sends the code in a way that nobody can type in (${type._})`,
    );
  }
  return { codeHash, via, length: "length" in type ? type.length : null };
}

const signUpRequired = () =>
  refused("SIGN_UP_REQUIRED", "the phone number has no Telegram account");
