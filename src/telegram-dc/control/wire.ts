import type { PhoneMessage } from "../world/phone/phone-messages.ts";

/** A value as the control API writes it: bigint as decimal text, bytes as base64, Infinity as null. */
export function toWire(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, toWire(v)]));
  if (Array.isArray(value)) return value.map(toWire);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toWire(item)]));
}

/** A message with its buttons' data both as text and as bytes, because most bots put text there. */
export function messageToWire(message: PhoneMessage): unknown {
  const buttons = message.buttons.map((row) =>
    row.map(({ text, data }) => ({
      text,
      data: data?.toString("utf8") ?? null,
      dataBase64: data?.toString("base64") ?? null,
    })),
  );
  return toWire({ ...message, buttons });
}
