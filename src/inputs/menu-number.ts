import { plainText } from "./plain-text.ts";

/** `2`, `2.`, `2)` or `(2)`, in the digits of any script, circled or on a key; null for any other text. */
export function readMenuNumber(typed: string): number | null {
  const [, number] = /^\(?(\d{1,3})[.):。]?$/.exec(plainText(typed)) ?? [];
  return number === undefined ? null : Number(number);
}
