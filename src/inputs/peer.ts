import { readPhoneNumber } from "./phone-number.ts";
import { plainText, withoutWrapping } from "./plain-text.ts";
import type { InputReading } from "./reading.ts";

/** Whom a message is for, as a person names them. */
export type NamedPeer =
  | { readonly kind: "me" }
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "username"; readonly username: string }
  | { readonly kind: "phone"; readonly phone: string };

const usernameForm = /^[a-z]\w{1,31}$/i;
/** As large as Telegram makes them: 52 bits. */
const idForm = /^[1-9]\d{0,15}$/;
const link = /^(?:https?:\/\/)?(?:www\.)?(?:t\.me|telegram\.me|telegram\.dog)\/(?<rest>.*)$/i;
const ownDomain = /^(?:https?:\/\/)?(?<name>[a-z]\w{3,31})\.t\.me\/?$/i;
const appLink = /^tg:(?:\/\/?)?(?<verb>\w+)\/?(?:\?(?<query>.*))?$/i;
/** Telegram in a browser: the chat stands behind the #. */
const webChat = /^(?:https?:\/\/)?web\.telegram\.org\/(?:[akz]\/)?#(?:\/im\?p=)?(?<chat>.*)$/i;
const anyLink = /^[a-z][\w+.-]*:\/\/|^[\w-]+(?:\.[\w-]+)+\//i;
/** Paths of t.me that lead to no person. */
const noPerson: ReadonlySet<string> = new Set([
  "a",
  "addlist",
  "addstickers",
  "addemoji",
  "addtheme",
  "bg",
  "boost",
  "c",
  "call",
  "confirmphone",
  "contact",
  "giftcode",
  "invoice",
  "iv",
  "joinchat",
  "k",
  "login",
  "m",
  "nft",
  "proxy",
  "setlanguage",
  "share",
  "socks",
  "z",
]);

/** `me`, `@name`, `name`, a user's number, `+` and a phone number, or a link of t.me or tg:// to one of them. */
export function readPeer(typed: string): InputReading<NamedPeer> {
  // A link or a name within a sentence brings its comma or full stop along.
  const plain = withoutWrapping(plainText(typed)).replace(/(?<=[\w/])[.,;:!?)]+$/, "");
  if (plain === "") return { why: "is empty" };
  if (plain.toLowerCase() === "me") return { value: { kind: "me" } };
  const { rest } = link.exec(plain)?.groups ?? {};
  if (rest !== undefined) return ofLink(rest);
  const { name } = ownDomain.exec(plain)?.groups ?? {};
  if (name !== undefined) return ofUsername(name);
  const { verb, query } = appLink.exec(plain)?.groups ?? {};
  if (verb !== undefined) return ofAppLink(verb.toLowerCase(), new URLSearchParams(query));
  const { chat } = webChat.exec(plain)?.groups ?? {};
  if (chat !== undefined && !anyLink.test(chat)) return readPeer(chat);
  if (anyLink.test(plain)) return { why: "is a link that leads to no single user" };
  if (/^[-\u2212\p{Pd}]\d+$/u.test(plain)) {
    return { why: "is the number of a group or a channel, not of a user" };
  }
  if (/^[+(]|^tel:/i.test(plain)) return ofPhone(plain);
  if (/^\d+$/.test(plain)) return ofId(plain);
  // What stands between digits is another's way to write: of a phone number, or of a large one.
  if (/^\d[\d\s.,'_()-]*$/.test(plain)) {
    return {
      why: "is no number of a user: that has digits alone, and a phone number a + in front",
    };
  }
  return ofUsername(plain.replace(/^@/, ""));
}

function ofUsername(username: string): InputReading<NamedPeer> {
  if (usernameForm.test(username)) return { value: { kind: "username", username } };
  return { why: "is no username: those are letters of English, digits and _, a letter first" };
}

function ofId(id: string): InputReading<NamedPeer> {
  return idForm.test(id) ? { value: { kind: "id", id } } : { why: "is no number of a user" };
}

function ofPhone(typed: string): InputReading<NamedPeer> {
  const read = readPhoneNumber(typed);
  if ("why" in read) return { why: `is no phone number: it ${read.why}` };
  return { value: { kind: "phone", phone: read.value } };
}

function ofLink(rest: string): InputReading<NamedPeer> {
  const [first = ""] = decoded(rest.replace(/^s\//i, "")).split(/[/?#]/);
  if (first.startsWith("+") && /^\+[\d\s]+$/.test(first)) return ofPhone(first);
  const isInvitation = first.startsWith("+") || noPerson.has(first.toLowerCase());
  if (isInvitation || first === "") return { why: "is a link that leads to no single user" };
  return ofUsername(first.replace(/^@/, ""));
}

function ofAppLink(verb: string, query: URLSearchParams): InputReading<NamedPeer> {
  const [domain, phone] = [query.get("domain"), query.get("phone")];
  const id = query.get(verb === "user" ? "id" : "user_id");
  if (verb === "resolve" && domain !== null) return ofUsername(domain.replace(/^@/, ""));
  if (verb === "resolve" && phone !== null) return ofPhone(`+${phone.replace(/^[\s+]+/, "")}`);
  if ((verb === "user" || verb === "openmessage") && id !== null) return ofId(id);
  return { why: "is a link that leads to no single user" };
}

/** A text that is not percent-encoded stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
