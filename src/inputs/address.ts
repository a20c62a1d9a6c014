import { Buffer } from "node:buffer";
import {
  whyNoHost,
  whyNoPlace,
  whyNotOne,
  whyNotPart,
  whyNotScheme,
  whyUnheard,
} from "./address-reasons.ts";
import { type AddressKind, schemes, zone } from "./address-kinds.ts";
import type { InputReading } from "./reading.ts";

export interface Address {
  /** In lower case. */
  readonly scheme: string;
  /** A name or an IP address, the latter without brackets. Empty where the kind allows it. */
  readonly host: string;
  /** As it was said, else the scheme's own. */
  readonly port: number;
  /** Decoded; null where none is said. The password is not enumerable, so that it is never printed. */
  readonly user: string | null;
  readonly password: string | null;
  /** From the path on, as it was typed. */
  readonly rest: string;
  /** The whole, as it is kept: what is not seen at its ends is cut off. Not enumerable either. */
  readonly text: string;
}

const form =
  /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?:(?<login>[^/?#]*)@)?(?<place>[^/?#@]*)(?<rest>[/?#].*)?$/i;
const place = /^(?<host>\[[^\]]*\]|[^:[\]]*)(?::(?<port>\d{1,5}))?$/;

/** What is not seen at the ends of a pasted address. */
const ends = /^[\s\p{Cf}]+|[\s\p{Cf}]+$/gu;

/**
 * The one reading of an address: its scheme, who asks, the host, the port or the scheme's own, and the rest. A part
 * that it takes is never lost, and none is made up.
 */
export function readAddress(typed: string, kind: AddressKind): InputReading<Address> {
  const text = typed.replaceAll(ends, "");
  if (text === "") return { why: "is empty" };
  if (/^["'`<]|["'`>]$/.test(text)) return { why: "stands in quotes; leave them out" };
  const why = whyNotOne(text, kind);
  if (why !== null) return { why };
  const parts = form.exec(text)?.groups ?? {};
  const { scheme: typedScheme, login, place: where = "", rest = "" } = parts;
  const scheme = (typedScheme ?? (kind === "nats" ? "nats" : "")).toLowerCase();
  const ownPort = Object.hasOwn(schemes[kind], scheme) ? schemes[kind][scheme] : undefined;
  if (ownPort === undefined) return { why: whyNotScheme(scheme, kind) };
  const found = place.exec(where)?.groups;
  if (found === undefined) return { why: whyNoPlace(where, { scheme, rest }) };
  const { host = "", port = "" } = found;
  const isNamed = host !== "" || (kind === "postgres" && /[?&]host=/.test(rest));
  if (!isNamed || !isHost(host)) return { why: whyNoHost(host) };
  const unheard = whyUnheard({ kind, host, rest });
  if (unheard !== null) return { why: unheard };
  if (port !== "" && (Number(port) < 1 || Number(port) > 65_535)) {
    return { why: "has a port that is none: those are 1 to 65535" };
  }
  const [user, ...secret] = login?.split(":") ?? [];
  const address = {
    scheme,
    host: bareHost(host),
    port: port === "" ? ownPort : Number(port),
    user: user === undefined || user === "" ? null : decoded(user),
    password: secret.length === 0 ? null : decoded(secret.join(":")),
    rest,
    text,
  };
  for (const name of ["password", "text"]) {
    Object.defineProperty(address, name, { enumerable: false });
  }
  return { value: address };
}

/** Several addresses, separated by commas. */
export function readAddresses(typed: string, kind: AddressKind): InputReading<readonly Address[]> {
  const found: Address[] = [];
  const parts = typed.split(",");
  for (const part of parts) {
    const read = readAddress(part, kind);
    if ("value" in read) found.push(read.value);
    else return { why: parts.length === 1 ? read.why : whyNotPart(part, read.why) };
  }
  return { value: found };
}

/** An address for messages and logs: scheme, host and port, without who asks and without the rest. */
export const shownAddress = ({ scheme, host, port }: Address): string =>
  `${scheme}://${hostAndPort({ host, port })}`;

/** With the brackets of an IPv6 address. */
export const hostAndPort = ({ host, port }: Pick<Address, "host" | "port">): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

/** An address of HTTP as a request takes it: who asks stands in a header of its own. Throws for what is no address. */
export function httpTarget(typed: string): {
  readonly url: string;
  readonly headers: { readonly authorization?: string };
} {
  const read = readAddress(typed, "http");
  if ("why" in read) throw new Error(`the address ${read.why}`);
  const { user, password, rest } = read.value;
  const url = `${shownAddress(read.value)}${rest === "" ? "/" : rest}`;
  if (user === null && password === null) return { url, headers: {} };
  const login = Buffer.from(`${user ?? ""}:${password ?? ""}`).toString("base64");
  return { url, headers: { authorization: `Basic ${login}` } };
}

/** An IPv6 address stands in brackets in an address and nowhere else. */
export const bareHost = (host: string): string =>
  host.replaceAll(/^\[|\]$/g, "").replace("%25", "%");

/** True for a name, an IPv4 address, or an IPv6 address in brackets, with or without its interface. */
function isHost(host: string): boolean {
  if (host === "") return true;
  if (host.startsWith("[")) return URL.canParse(`http://${host.replace(zone, "]")}`);
  return /^[\p{L}\p{M}\p{N}_.-]+$/u.test(host) && URL.canParse(`http://${host}`);
}

/** A text that is not percent-encoded as a whole stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
