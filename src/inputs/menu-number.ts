import { plainText } from "./plain-text.ts";

/**
 * A letter that is seen, beside those of `n°`: no number has one, in whatever form it is meant. Found at once in most
 * of what people say.
 */
const letter = /[^\P{L}\p{Default_Ignorable_Code_Point}nNoO\u00ba\uff2e\uff2f\uff4e\uff4f]/u;

/**
 * `2`, `2.`, `2)`, `(2)`, `[2]`, `#2` or `n° 2`, in the digits of any script, circled or on a key; null for any other
 * text.
 */
export function readMenuNumber(typed: string): number | null {
  if (letter.test(typed)) return null;
  const [, number] =
    /^(?:[([]|(?:n[°o]?\.?|#)\s*)?(\d{1,3})\s?[.)\]:,。、]?$/i.exec(plainText(typed)) ?? [];
  return number === undefined ? null : Number(number);
}
