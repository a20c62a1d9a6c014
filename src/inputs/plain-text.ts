/** Marks of direction, joiners, soft hyphens, variation selectors, fillers, and the key around a digit. */
const unseen = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u20E3]/gu;
const decimal = /\p{Nd}/u;

/** Digits of a script stand in a row from 0 to 9, and nothing else stands among them. */
function asciiDigit(digit: string): string {
  const at = digit.codePointAt(0) ?? 0;
  let first = at;
  while (decimal.test(String.fromCodePoint(first - 1))) first -= 1;
  return String((at - first) % 10);
}

/**
 * A short typed or pasted text as it was meant: letters in their plain form (NFKC), digits of any script as 0 to 9,
 * without what is not seen, and without blanks at the ends. Not for passwords, nor for what one person says to another.
 */
export const plainText = (typed: string): string =>
  typed
    .normalize("NFKC")
    .replaceAll(unseen, "")
    .replaceAll(/\p{Nd}/gu, asciiDigit)
    .trim();

/** Quotes of every kind, and the brackets that mails set around a link. */
const wrapping = /^[\p{Pi}\p{Pf}"'`„‚<]+|[\p{Pi}\p{Pf}"'`<>]+$/gu;

/** A plain text without the quotes around it: for what never begins or ends with one. */
export const withoutWrapping = (plain: string): string => plain.replaceAll(wrapping, "").trim();
