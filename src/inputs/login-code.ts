import { plainText } from "./plain-text.ts";

/**
 * A login code out of what was typed: its digits, wherever blanks and words stand between them. Where Telegram sends
 * words in place of digits, the words. null: there is no code in it.
 */
export function readLoginCode(typed: string, isOfWords: boolean): string | null {
  const plain = plainText(typed);
  const code = isOfWords ? plain.replaceAll(/\s+/g, " ") : plain.replaceAll(/\D/g, "");
  return code === "" ? null : code;
}
