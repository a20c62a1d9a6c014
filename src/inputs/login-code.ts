import { plainText } from "./plain-text.ts";

/** Codes have five digits, six where Telegram says so; those by SMS may have more. */
const isLong = (digits: string): boolean => digits.length >= 5 && digits.length <= 8;

/**
 * A login code out of what was typed: its digits, wherever blanks and hyphens stand between them. Where words part
 * several numbers, the only one that is as long as a code. Where Telegram sends words in place of digits, the words.
 * null: there is no code in it, or no telling which.
 */
export function readLoginCode(typed: string, isOfWords: boolean): string | null {
  const plain = plainText(typed);
  if (isOfWords) return plain === "" ? null : plain.replaceAll(/\s+/g, " ");
  const numbers = plain.match(/\d(?:[^\p{L}\d]*\d)*/gu) ?? [];
  const codes = numbers.map((one) => one.replaceAll(/\D/g, ""));
  const [code = null, ...others] = codes.length > 1 ? codes.filter(isLong) : codes;
  return others.length === 0 ? code : null;
}
