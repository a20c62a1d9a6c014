import { plainText } from "./plain-text.ts";

/**
 * `2`, `2.`, `2)`, `(2)`, `[2]`, `#2` or `n° 2`, in the digits of any script, circled or on a key; null for any other
 * text.
 */
export function readMenuNumber(typed: string): number | null {
  const [, number] =
    /^(?:[([]|(?:n[°o]?\.?|#)\s*)?(\d{1,3})\s?[.)\]:,。、]?$/i.exec(plainText(typed)) ?? [];
  return number === undefined ? null : Number(number);
}
