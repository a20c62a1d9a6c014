import { type AddressKind, schemes, zone } from "./address-kinds.ts";

/** Why a text is not one address, before its parts are looked at; null: it may be one. */
export function whyNotOne(text: string, kind: AddressKind): string | null {
  if (kind === "proxy" && telegramLink.test(text)) return telegramProxy;
  if (/^(?:export\s+)?\w+=\w+:\/\//.test(text)) {
    return "begins with a variable's name; leave that and the = out";
  }
  if (/[\s\p{Cc}]/u.test(text)) {
    if (kind === "postgres" && /^\w+\s*=/.test(text)) {
      return "is in libpq's words; write it as postgres://user:password@host:5432/database";
    }
    const isList = kind === "nats" && /[\s;]\w+:\/\//.test(text);
    return isList
      ? "names several servers; separate them by commas"
      : "has a blank within; write it as %20";
  }
  const [, bare = ""] = /^(\w+)\/\//.exec(text) ?? [];
  return Object.hasOwn(schemes[kind], bare) ? `lacks the colon of ${bare}://` : null;
}

/** Why what asks for it would not take an address that can be read; null: it does. */
export function whyUnheard({
  kind,
  host,
  rest,
}: {
  readonly kind: AddressKind;
  readonly host: string;
  readonly rest: string;
}): string | null {
  if (zone.test(host) && (kind === "http" || kind === "postgres")) {
    return "has an interface behind its IPv6 address, which addresses of this kind cannot have";
  }
  if (kind !== "postgres") return null;
  const [path = "", query = ""] = rest.split(/\?(.*)/s);
  if (!isEncoded(path))
    return "has a % in its database's name that begins no code; write it as %25";
  const said = new URLSearchParams(query);
  if (said.get("host")?.includes(",") === true) return severalHosts;
  const mode = said.get("sslmode");
  return mode === null || sslModes.has(mode)
    ? null
    : `has an sslmode that is none; there are ${[...sslModes].join(", ")}`;
}

/** What the driver takes: `no-verify` is its own. */
const sslModes: ReadonlySet<string> = new Set([
  "disable",
  "allow",
  "prefer",
  "require",
  "verify-ca",
  "verify-full",
  "no-verify",
]);

const severalHosts = "names several hosts, and one is taken";

const isEncoded = (text: string): boolean => {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
};

/** A comma within a login parts it from its host. */
export function whyNotPart(part: string, why: string): string {
  if (part.trim() === "") return "has a comma too many, with nothing beside it";
  const isLogin = /^\s*[a-z]+:\/\/[^/?#@,]*:[^/?#@,]*$/i.test(part) && !/:\d+\s*$/.test(part);
  return isLogin ? "has a comma in its user or password; write it as %2C" : why;
}

export function whyNotScheme(scheme: string, kind: AddressKind): string {
  const known = Object.keys(schemes[kind]).map((one) => `${one}://`);
  if (kind === "proxy" && scheme === "https") {
    return "is one of a proxy that is spoken to over TLS, which is not supported; give its http:// or socks5:// port";
  }
  if (scheme === "") return `does not begin with ${known.join(" or ")}`;
  return `begins with ${scheme}://, not with ${known.join(" or ")}`;
}

const telegramLink =
  /^(?:tg|mtproto|mtproxy):|^(?:https?:\/\/)?(?:t\.me|telegram\.(?:me|dog))\/(?:socks|proxy)\b/i;
const telegramProxy =
  "is Telegram's link to a proxy; give a SOCKS one as socks5://user:password@server:port, as MTProto ones are not supported";

export function whyNoPlace(
  where: string,
  { scheme, rest }: { readonly scheme: string; readonly rest: string },
): string {
  if (rest.includes("@")) {
    return "has a /, ? or # in its user or password; write them as %2F, %3F and %23";
  }
  if (where.includes(",")) return severalHosts;
  if (where.includes(";")) return "has a ; within; separate several servers by commas";
  if (/^[^:[\]]+:\d+:[^:]+(?::[^:]*)?$/.test(where)) {
    return `has more than a host and a port; write ${scheme}://user:password@host:port`;
  }
  if (/^(?:[0-9a-f]*:){2,}[0-9a-f.:]*(?:%[\w.-]+)?$/i.test(where)) {
    return "has an IPv6 address without brackets; write it as [::1]:4222";
  }
  return "has no host and port that can be read";
}

export function whyNoHost(host: string): string {
  if (host === "") return "names no host";
  if (/[<>{}$]/.test(host)) return "has a placeholder where its host belongs";
  if (/^%2F/i.test(host)) return "has a folder as its host; write it as ?host=/folder at the end";
  return host.includes(",") ? severalHosts : "has a host that is none";
}
