/**
 * Replaces the characters that Postgres cannot hold, NUL and halves of surrogate pairs, by U+FFFD.
 * The rest stays.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "\uFFFD");
}

/**
 * JSON.stringify's spelling of characters that Postgres cannot hold. Other text that looks so costs
 * only time.
 */
const suspect = /\\u(?:0000|d[89a-f])/;

/** JSON whose texts Postgres can hold. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!suspect.test(json)) return json;
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "string" ? storableText(part) : part,
  );
}
