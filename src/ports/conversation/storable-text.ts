/** What Postgres cannot hold: NUL, and halves of surrogate pairs. Each becomes U+FFFD; the rest stays. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "\uFFFD");
}

/** How JSON.stringify writes what Postgres cannot hold; or a text that looks so, which costs time and nothing else. */
const suspect = /\\u(?:0000|d[89a-f])/;

/** JSON whose texts Postgres can hold. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!suspect.test(json)) return json;
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "string" ? storableText(part) : part,
  );
}
