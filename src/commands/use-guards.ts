import { HoldfastError } from "../errors.ts";
import type {
  ChatPeer,
  JsonObject,
  JsonValue,
  TelegramClient,
} from "../ports/telegram/telegram.ts";

/**
 * Methods that would make, end or move a session behind Holdfast's back, each with its proper
 * command.
 */
const forbidden: readonly (readonly [RegExp, string])[] = [
  [/^auth\./, "Log in, renew or end sessions with: npx holdfast login | renew | stop <account>"],
  [
    /^(invoke|initConnection|destroy_|ping|msgs_|http_wait|get_future_salts|req_|set_client)/,
    "Name the method itself; Holdfast wraps it.",
  ],
  [
    /^account\.(deleteAccount|resetAuthorization|changePhone|setAuthorizationTTL)/,
    "Do this in Telegram's own application.",
  ],
];

/** Telegram's own account, whose messages carry login codes. */
const serviceUserId = "777000";
const withheld = "(withheld: messages of Telegram's service account can carry login codes)";

/** Throws METHOD_FORBIDDEN for a method that would break custody. */
export function checkMethod(method: string): void {
  const found = forbidden.find(([pattern]) => pattern.test(method));
  if (found === undefined) return;
  throw new HoldfastError({
    code: "METHOD_FORBIDDEN",
    message: `${method} may not be called through Holdfast: it would change the session itself. Nothing was sent.`,
    next: found[1],
  });
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Numbers and texts as text; anything else is none. */
const textOf = (value: JsonValue | undefined): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

/** Without the texts of Telegram's service account (I7). */
export function redact(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(redact);
  if (!isObject(value)) return value;
  const fields = Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, redact(field)]),
  );
  const isService = [value["peerId"], value["fromId"], value["userId"]].some((peer) => {
    const id = isObject(peer) ? peer["userId"] : peer;
    return textOf(id) === serviceUserId;
  });
  return isService && typeof value["message"] === "string"
    ? { ...fields, message: withheld }
    : fields;
}

/** `me`, `@username` or a number that one of the newest dialogs has. Throws PEER_UNKNOWN. */
export async function findPeer(client: TelegramClient, name: string): Promise<ChatPeer> {
  if (name === "me") return { userId: (await client.self()).userId, accessHash: "0" };
  if (/^\d+$/.test(name)) {
    const dialogs = await client.dialogs(100);
    const found = dialogs.find(({ peer }) => peer.userId === name);
    if (found !== undefined) return found.peer;
    throw peerUnknown(name);
  }
  const username = name.replace(/^@/, "");
  const answer = await client.invoke("contacts.resolveUsername", { username });
  const users = isObject(answer) ? answer["users"] : null;
  const user = Array.isArray(users) ? users[0] : undefined;
  if (!isObject(user)) throw peerUnknown(name);
  const hash = user["accessHash"];
  const accessHash = isObject(hash) ? textOf(hash["$long"]) : "0";
  return { userId: textOf(user["id"]), accessHash };
}

const peerUnknown = (name: string) =>
  new HoldfastError({
    code: "PEER_UNKNOWN",
    message: `"${name}" names no user that this account knows; nothing was sent.`,
    next: "Give me, @username, or the number of a user in the account's newest dialogs.",
  });
