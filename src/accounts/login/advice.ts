import type { Reason } from "../../../machines/lifecycle.ts";

/**
 * A person's remedy for Telegram's answer to a login. Source of the names:
 * https://core.telegram.org/api/errors.
 */
const advice: Readonly<Record<string, string>> = {
  PHONE_CODE_INVALID: "the code was wrong too often; begin again for a new one",
  PHONE_CODE_EXPIRED: "the code has expired; begin again for a new one",
  PHONE_CODE_EMPTY: "the code was empty; begin again",
  PHONE_NUMBER_INVALID:
    "Telegram does not know the phone number; check it in international form, such as +33…",
  PHONE_NUMBER_BANNED:
    "Telegram has banned the phone number; write to recover@telegram.org from its owner's address",
  FLOOD_WAIT: "begin again after that; a user's account may also take another method",
  PHONE_NUMBER_FLOOD: "codes were asked for too often; wait a day, or renew by handoff or QR",
  PHONE_PASSWORD_FLOOD:
    "there were too many attempts to log in; wait a day, or renew by handoff or QR",
  PASSWORD_HASH_INVALID:
    "the 2FA password was wrong too often; begin again when you have the right one",
  EMAIL_SETUP_REQUIRED:
    "set an e-mail address up in Telegram's settings, then begin again, or renew by handoff or QR",
  CODE_WAY_UNKNOWN: "renew by handoff or QR",
  CODE_NOT_IN_APP: "type the code yourself with --method code, or renew by handoff",
  AUTH_TOKEN_EXPIRED: "the login token was too old; begin again",
  OTHER_DATA_CENTRE:
    "a fleet holds accounts of one data centre; hold this one in another fleet, whose HOLDFAST_TELEGRAM_DC names its centre",
  SIGN_UP_REQUIRED: "sign the number up in Telegram itself first",
  PHONE_UNKNOWN:
    "take --method qr, which needs no number; nor does handoff, while the old key serves",
  FRESH_CHANGE_PHONE_FORBIDDEN: "the session is too young; try again after 24 hours",
};

/** The reason of an abort, with a remedy. */
export function withAdvice(reason: Reason): Reason {
  const what = advice[reason.code];
  return what === undefined ? reason : { ...reason, message: `${reason.message}: ${what}` };
}
