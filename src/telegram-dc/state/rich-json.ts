/**
 * JSON that also carries bigint, bytes, Map and Set, each as an object with one key that begins
 * with `$`. TL field names begin with a letter or `_`, so objects of the data centre never have
 * such keys.
 */
export function richStringify(value: unknown): string {
  return JSON.stringify(toPlain(value));
}

/** @throws SyntaxError when the text is not JSON */
export function richParse(text: string): unknown {
  return fromPlain(JSON.parse(text));
}

function toPlain(value: unknown): unknown {
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (value instanceof Map) return { $map: [...value].map((pair) => toPlain(pair)) };
  if (value instanceof Set) return { $set: [...value].map(toPlain) };
  if (Array.isArray(value)) return value.map(toPlain);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}

function fromPlain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(fromPlain);
  const entries = Object.entries(value);
  const [tag, content] = entries[0] ?? ["", undefined];
  if (tag === "$bigint" && typeof content === "string") return BigInt(content);
  if (tag === "$bytes" && typeof content === "string") return Buffer.from(content, "base64");
  if (tag === "$set" && Array.isArray(content)) return new Set(content.map(fromPlain));
  if (tag === "$map" && Array.isArray(content)) {
    return new Map(
      content.map((pair: [unknown, unknown]) => [fromPlain(pair[0]), fromPlain(pair[1])]),
    );
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, fromPlain(item)]));
}
