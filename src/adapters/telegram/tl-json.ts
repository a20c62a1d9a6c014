import { Long } from "@mtcute/core";
import type { JsonValue } from "../../ports/telegram/telegram.ts";

/**
 * Telegram's objects as JSON, both ways: `_` names the constructor, fields are in camel case, 64-bit numbers are
 * `{"$long": "<decimal>"}` and bytes `{"$bytes": "<base64>"}`.
 */
export function toTl(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(toTl);
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Readonly<Record<string, JsonValue>>;
  if (typeof fields["$long"] === "string") return Long.fromString(fields["$long"]);
  if (typeof fields["$bytes"] === "string") return Buffer.from(fields["$bytes"], "base64");
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, toTl(field)]));
}

export function fromTl(value: unknown): JsonValue {
  if (Long.isLong(value)) return { $long: value.toString() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(fromTl);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, field]) => field !== undefined)
        .map(([name, field]) => [name, fromTl(field)]),
    );
  }
  return value === undefined ? null : (value as JsonValue);
}
