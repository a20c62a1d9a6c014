/** What Postgres cannot hold: NUL, and halves of surrogate pairs. Each becomes U+FFFD; the rest stays. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "\uFFFD");
}

/** JSON whose texts Postgres can hold. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "string" ? storableText(part) : part,
  );
}
