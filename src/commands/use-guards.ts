import { HoldfastError } from "../errors.ts";
import { readPeer } from "../inputs/peer.ts";
import { namesServiceAccount } from "../ports/telegram/service-account.ts";
import type {
  ChatPeer,
  JsonObject,
  JsonValue,
  TelegramClient,
} from "../ports/telegram/telegram.ts";
import { peersById, type StoredHash } from "./peer-by-id.ts";
import { type RawCall, type RawCallVerdict, rawCallVerdict } from "./raw-verdict.ts";

/** Methods that have a proper command, or none; what stands nowhere is for nobody. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [/^auth\./, "Log in, renew or end sessions with: npx holdfast login | renew | stop <account>"],
  [/^(?:initConnection|invoke)/, "Name the method itself; Holdfast wraps it."],
  [/^account\.updatePasswordSettings/, "Do this in Telegram's own application."],
];

/** Throws METHOD_FORBIDDEN for a call that the list does not give to this role. */
export function checkRawCall(call: RawCall): RawCallVerdict {
  const verdict = rawCallVerdict(call);
  if (verdict.allowed) return verdict;
  const { method, role } = call;
  if (verdict.needs !== null) {
    throw forbidden(
      `${method} needs the role ${verdict.needs}, and this caller has ${role}. Nothing was sent.`,
      `Ask an operator of the fleet to make it, or for a caller with the role ${verdict.needs}.`,
    );
  }
  throw forbidden(
    `${method} may not be called through Holdfast by any role: it stands in no list of what is allowed. Nothing was sent.`,
    remedies.find(([pattern]) => pattern.test(method))?.[1] ??
      "Do this in Telegram's own application.",
  );
}

const forbidden = (message: string, next: string) =>
  new HoldfastError({ code: "METHOD_FORBIDDEN", message, next });

/** Places in chats and amounts: a number there is nobody's id. */
const countNames =
  /^(?:id|ids|msgId|msgIds|topMsgId|limit|hash|date|\w*Date|pts|qts|\w*Offset|offset\w*|addOffset|minId|maxId|replyToMsgId|randomId|fileId|bytes)$/;
const idNames = /(?:ids?|peer|peers|user|users|from|author)$/i;

/** A library reads more than this as a number, and not always as the number that it looks like. */
const longText = /^-?\d{1,20}$/;

/** Throws PEER_WITHHELD for parameters that name Telegram's service account, whose messages carry login codes. */
export function checkPeers(params: JsonObject): void {
  if (!namesInParams(params, "")) return;
  throw new HoldfastError({
    code: "PEER_WITHHELD",
    message:
      "The call names Telegram's service account (777000), whose messages carry login codes. Nothing was sent.",
    next: "Read login codes in Telegram's own application.",
  });
}

function namesInParams(value: JsonValue | undefined, name: string): boolean {
  if (Array.isArray(value)) return value.some((element) => namesInParams(element, name));
  if (!isObject(value)) {
    const mayName = typeof value === "string" ? idNames.test(name) : !countNames.test(name);
    return mayName && value !== undefined && namesServiceAccount(value);
  }
  const long = value["$long"];
  if (long !== undefined) {
    if (typeof long !== "string" || !longText.test(long)) throw malformedLong();
    return !countNames.test(name) && namesServiceAccount(long);
  }
  return Object.entries(value).some(([field, inner]) => namesInParams(inner, field));
}

const malformedLong = () =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: "A $long holds something else than a whole number as text; nothing was sent.",
    next: 'Write 64-bit numbers such as {"$long": "-42"}.',
  });

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Numbers and texts as text; anything else is none. */
const textOf = (value: JsonValue | undefined): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

/**
 * Whom a name means (`readPeer`), under each address that may do: a number's as `peersById` finds them, else one.
 * Throws PEER_MALFORMED and PEER_UNKNOWN.
 */
export async function findPeers(
  client: TelegramClient,
  name: string,
  storedHash: StoredHash,
): Promise<readonly [ChatPeer, ...ChatPeer[]]> {
  const read = readPeer(name);
  if ("why" in read) throw peerMalformed(name, read.why);
  const named = read.value;
  if (named.kind === "me") return [{ userId: (await client.self()).userId, accessHash: "0" }];
  if (named.kind === "id") {
    const [found, ...others] = await peersById(client, named.id, storedHash);
    if (found !== undefined) return [found, ...others];
    throw peerUnknown(name);
  }
  const answer =
    named.kind === "phone"
      ? await client.invoke("contacts.resolvePhone", { phone: named.phone.slice(1) })
      : await client.invoke("contacts.resolveUsername", { username: named.username });
  const users = isObject(answer) ? answer["users"] : null;
  const user = Array.isArray(users) ? users[0] : undefined;
  if (!isObject(user)) throw peerUnknown(name);
  const hash = user["accessHash"];
  const accessHash = isObject(hash) ? textOf(hash["$long"]) : "0";
  return [{ userId: textOf(user["id"]), accessHash }];
}

const peerMalformed = (name: string, why: string) =>
  new HoldfastError({
    code: "PEER_MALFORMED",
    message: `${JSON.stringify(name)} ${why}; nothing was sent.`,
    next: "Give me, @username, a user's number, a phone number with + in front, or a link such as t.me/username.",
  });

const peerUnknown = (name: string) =>
  new HoldfastError({
    code: "PEER_UNKNOWN",
    message: `"${name}" names no user that this account knows; nothing was sent.`,
    next: "Give me, @username, a phone number with + in front, or the number of a user in the account's newest dialogs or stored conversations.",
  });
