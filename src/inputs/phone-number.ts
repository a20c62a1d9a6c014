import { plainText, withoutWrapping } from "./plain-text.ts";
import type { InputReading } from "./reading.ts";

/** What people set between the digits: blanks, hyphens and dashes, dots, slashes, brackets. */
const between = /[\s\p{Pd}\u2212\u30FC.·/()]/gu;
/** The 0 that is dialled within the country alone. */
const innerZero = /\(\s*0\s*\)/;

/** How links name a number, and Telegram's own link to one. */
const prefix = /^(?:tel|sms|callto):(?:\/\/)?\s*|^(?:https?:\/\/)?t\.me\/(?=\+)/i;
/** No country has a code of this beginning (ITU-T E.164): 8 is what a Russian number of the country begins with. */
const unassigned = /^(?:28|83|89)/;

/**
 * A phone number as `+` and 5 to 15 digits (E.164). Takes quotes, `tel:`, 00 in front, (0) behind the country's code,
 * and a number that has no + but begins with its country's code.
 */
export function readPhoneNumber(typed: string): InputReading<string> {
  const plain = withoutWrapping(plainText(typed)).replace(prefix, "");
  if (plain === "") return { why: "is empty" };
  const isInternational = /^[\s(]*(?:\+|00)/.test(plain);
  const meant = isInternational ? plain.replace(innerZero, "") : plain;
  const bare = meant.replaceAll(between, "");
  const digits = bare.replace(/^(?:\+|00)/, "");
  if (!/^\d+$/.test(digits)) return { why: "holds something else than digits" };
  if (digits.startsWith("0") || unassigned.test(digits))
    return { why: "has no country's code in front" };
  if (digits.length < 5 || digits.length > 15) {
    return { why: `has ${digits.length} digits, and a number has 5 to 15` };
  }
  return { value: `+${digits}` };
}
