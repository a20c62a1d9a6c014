import { Long } from "@mtcute/core";
import { Api } from "telegram/tl/index.js";
import { returnBigInt } from "telegram/Helpers.js";

/** A TL object of GramJS: an instance of a class that it makes from its schema. */
export interface GramJsObject {
  readonly className: string;
  readonly originalArgs: Readonly<Record<string, unknown>>;
  getBytes(): Buffer;
}

/**
 * Only ids that Telegram numbers below 2^53, as mtcute reads them:
 * https://core.telegram.org/api/bots/ids
 */
const smallId = /(?:user|chat|channel|bot|admin|inviter)id$/i;
const ownsSmallId = /^(?:user|chat|channel)(?:Empty|Forbidden|Full)?$/;

/**
 * GramJS's form of an object in mtcute's spelling, which has `_` for its constructor. Both take
 * their field names from the same schema. Throws for an object outside GramJS's layer.
 */
export function toGramJs(value: unknown): unknown {
  if (Long.isLong(value)) return returnBigInt(value.toString());
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(toGramJs);
  if (typeof value !== "object" || value === null) return value;
  const { _: name, ...fields } = value as Readonly<Record<string, unknown>>;
  const Constructor = constructorOf(String(name));
  return new Constructor(
    Object.fromEntries(Object.entries(fields).map(([field, one]) => [field, toGramJs(one)])),
  );
}

/** An object of GramJS as mtcute spells it. Flags that are not set are left out. */
export function fromGramJs(value: unknown, field = "", of = ""): unknown {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => fromGramJs(one, field, of));
  if (isBigInteger(value)) {
    const isSmall = smallId.test(field) || (field === "id" && ownsSmallId.test(of));
    return isSmall ? value.toJSNumber() : Long.fromString(value.toString());
  }
  const { className, originalArgs } = value as GramJsObject;
  const name = className.replace(/[^.]+$/, (last) => last.charAt(0).toLowerCase() + last.slice(1));
  const fields = Object.entries(originalArgs)
    .filter(([key, one]) => one !== null && one !== undefined && !/^flags\d*$/.test(key))
    .map(([key, one]) => [camelCase(key), fromGramJs(one, key, name)] as const);
  return { _: name, ...Object.fromEntries(fields) };
}

/** GramJS leaves `srp_B` as the schema has it. */
const camelCase = (key: string): string =>
  key.replaceAll(/_(?<letter>[A-Z])/g, (_match, letter: string) => letter);

type Constructor = new (fields: object) => GramJsObject;

/** `messages.sendMessage` → Api.messages.SendMessage. */
function constructorOf(name: string): Constructor {
  let found: unknown = Api;
  const path = name.split(".");
  for (const [at, part] of path.entries()) {
    const isLast = at === path.length - 1;
    const key = isLast ? part.charAt(0).toUpperCase() + part.slice(1) : part;
    const holder = Object(found) as Record<string, unknown>;
    found = Object.hasOwn(holder, key) ? holder[key] : null;
  }
  if (typeof found === "function") return found as Constructor;
  throw new Error(`GramJS knows no ${name}`);
}

function isBigInteger(value: object): value is { toJSNumber(): number; toString(): string } {
  return "toJSNumber" in value;
}
