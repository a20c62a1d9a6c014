import type { JsonObject, JsonValue } from "./telegram.ts";

/** Telegram's own account, whose messages carry login codes. */
export const serviceUserId = 777_000;

/** Stands where a text of the service account, or one that may be its, was. */
export const withheldText =
  "(withheld: messages of Telegram's service account can carry login codes)";

/** Made by Telegram itself, in whomever's chat they are shown. */
const alwaysWithheld: ReadonlySet<string> = new Set(["updateServiceNotification"]);

/** Lists whose elements each say whose they are; the name of one says nothing of its neighbour. */
const lists: ReadonlySet<string> = new Set([
  "chats",
  "dialogs",
  "messages",
  "newMessages",
  "otherUpdates",
  "updates",
  "users",
]);

/** Constructors that name their author themselves, where a text of theirs has one. */
const selfNamed: ReadonlySet<string> = new Set([
  "message",
  "messageEmpty",
  "messageService",
  "dialog",
  "user",
  "userEmpty",
  "updateNewMessage",
  "updateNewChannelMessage",
  "updateEditMessage",
  "updateEditChannelMessage",
  "chat",
  "chatForbidden",
  "channel",
  "channelForbidden",
]);

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const constructorOf = (value: JsonObject): string => {
  const name = value["_"];
  return typeof name === "string" ? name : "";
};

/** True for the service account's id as libraries would write it: from a number, a text or `{"$long": …}`. */
function isServiceId(value: JsonValue | undefined): boolean {
  if (isObject(value)) return isServiceId(value["$long"]);
  if (typeof value !== "number" && typeof value !== "string") return false;
  return value !== "" && Math.trunc(Number(value)) === serviceUserId;
}

/** What a value holds: the service account in any part, and in a part that speaks for the whole. */
interface Named {
  readonly anywhere: boolean;
  readonly speaks: boolean;
}

const unnamed: Named = { anywhere: false, speaks: false };

/** Notes for each object what it holds. */
function note(value: JsonValue | undefined, notes: Map<JsonObject, Named>): Named {
  if (isServiceId(value)) return { anywhere: true, speaks: true };
  if (Array.isArray(value)) {
    const anywhere = value.map((element) => note(element, notes)).some((of) => of.anywhere);
    return { anywhere, speaks: anywhere };
  }
  if (!isObject(value)) return unnamed;
  let [anywhere, speaks] = [false, false];
  for (const [name, field] of Object.entries(value)) {
    const found = note(field, notes);
    anywhere ||= found.anywhere;
    speaks ||= found.speaks && !isList(name, field);
  }
  notes.set(value, { anywhere, speaks });
  return { anywhere, speaks };
}

const isList = (name: string, field: JsonValue | undefined): field is JsonValue[] =>
  lists.has(name) && Array.isArray(field);

/** True where any part names the service account, however its id is spelled. */
export const namesServiceAccount = (value: JsonValue): boolean => note(value, new Map()).anywhere;

/** A quote that does not say whose words it has; they may be forwarded ones of the service account. */
const isUnsignedQuote = (of: JsonObject, name: string): boolean =>
  name === "quoteText" && of["replyFrom"] === undefined;

/**
 * Without the texts of Telegram's service account (I7): those in every object that names it beside or above them, in
 * forwards and in quotes. Fails closed: a constructor that is not known loses its texts where the answer names the
 * account at all, and so does a quote without an author.
 */
export function withoutServiceTexts(value: JsonValue): JsonValue {
  const notes = new Map<JsonObject, Named>();
  const isAnswerSuspect = note(value, notes).anywhere;

  function listed(elements: readonly JsonValue[], isTheirs: boolean): JsonValue {
    return elements.map((element) => {
      const isKnown = isObject(element) && selfNamed.has(constructorOf(element));
      return redacted(element, isTheirs || (isAnswerSuspect && !isKnown));
    });
  }
  function fieldsOf(part: JsonObject, isTheirs: boolean): JsonValue {
    const { anywhere, speaks } = notes.get(part) ?? unnamed;
    const kind = constructorOf(part);
    const isPerson = kind === "user";
    const isWhole = isTheirs || alwaysWithheld.has(kind) || (speaks && !isPerson);
    const isTold = isWhole || (anywhere && !isPerson);
    const fields = Object.entries(part).map(([name, field]): [string, JsonValue] => {
      if (name === "_" || name === "$long") return [name, field ?? null];
      if (name === "$bytes") return [name, isWhole ? "" : (field ?? null)];
      if (isList(name, field)) return [name, listed(field, isWhole)];
      return [name, redacted(field ?? null, isTold || isUnsignedQuote(part, name))];
    });
    return Object.fromEntries(fields);
  }
  function redacted(part: JsonValue, isTheirs: boolean): JsonValue {
    if (typeof part === "string") return isTheirs ? withheldText : part;
    if (Array.isArray(part)) return part.map((element) => redacted(element, isTheirs));
    return isObject(part) ? fieldsOf(part, isTheirs) : part;
  }
  return redacted(value, false);
}
