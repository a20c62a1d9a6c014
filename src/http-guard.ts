import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, Server } from "node:http";
import { isIP } from "node:net";

/** Whom an HTTP server answers. */
export interface GuardRules {
  /** Names and addresses, beside loopback's, by which it is reached; a wildcard address stands for every address. */
  readonly hosts: readonly string[];
  readonly methods: readonly string[];
  /** Shown as `Authorization: Bearer …`, or in `cookie`. */
  readonly token: string;
  /** The name of the cookie that a browser may show instead; without it there is none. */
  readonly cookie?: string;
  /** Paths that may be read without the token. */
  readonly openPaths: readonly string[];
}

/** The reason why a request gets no answer. */
export interface GuardRefusal {
  readonly status: 400 | 401 | 403 | 405 | 421;
  readonly code: string;
  /** One line for a person. */
  readonly line: string;
  readonly headers: Readonly<Record<string, string>>;
}

const loopbackNames = ["localhost", "127.0.0.1", "::1"];
const wildcards: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
const headersMsMax = 5_000;
const requestMsMax = 15_000;
const connectionsMax = 512;

/** Sent with every answer: nothing is kept, framed, guessed or fetched from elsewhere. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Bounds the time and the number of what comes in. */
export function boundServer(server: Server): void {
  server.headersTimeout = headersMsMax;
  server.requestTimeout = requestMsMax;
  server.maxConnections = connectionsMax;
}

/**
 * Judges requests before they are routed: the Host must be one of this server, so that a page whose name was bound to
 * this address anew reads nothing; no page of elsewhere may ask; all but open paths need the token.
 */
export function createHttpGuard(
  rules: GuardRules,
): (request: IncomingMessage, path: string) => GuardRefusal | null {
  const names = new Set([...loopbackNames, ...rules.hosts].map((name) => name.toLowerCase()));
  const takesAddresses = rules.hosts.some((host) => wildcards.has(host));
  const isHere = (host: string) => names.has(host) || (takesAddresses && isIP(host) !== 0);

  return (request, path) => {
    const { headers, method = "" } = request;
    const host = nameIn(headers.host ?? "");
    if (host === null || !isHere(host)) {
      return refusal(421, "FOREIGN_HOST", "This server is not reached by that name.");
    }
    if (!rules.methods.includes(method)) {
      const allow = rules.methods.join(", ");
      return refusal(405, "METHOD_NOT_ALLOWED", `Ask by ${allow}.`, { allow });
    }
    const { origin } = headers;
    const site = headers["sec-fetch-site"] ?? "none";
    const isForeign = origin !== undefined && origin !== `http://${headers.host ?? ""}`;
    if (isForeign || (site !== "none" && site !== "same-origin")) {
      return refusal(403, "FOREIGN_ORIGIN", "A page of another origin may not ask here.");
    }
    if (rules.openPaths.includes(path)) return null;
    if (shownTokens(request, rules.cookie).some((shown) => isSameToken(shown, rules.token))) {
      return null;
    }
    return refusal(401, "TOKEN_NEEDED", "Show the bearer token of this server.", {
      "www-authenticate": "Bearer",
    });
  };
}

/** Compares in constant time. */
export function isSameToken(shown: string, token: string): boolean {
  const [one, other] = [shown, token].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(one!, other!);
}

/** The host of a Host header without its port and brackets; null for a malformed one. */
function nameIn(host: string): string | null {
  const found = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(host);
  return found === null ? null : (found[1] ?? found[2] ?? "").toLowerCase();
}

function shownTokens({ headers }: IncomingMessage, cookie: string | undefined): readonly string[] {
  const bearer = /^Bearer ([\w-]+)$/i.exec(headers.authorization ?? "")?.[1];
  const cookies = cookie === undefined ? [] : (headers.cookie ?? "").split(/;\s*/);
  const kept = cookies.find((one) => one.startsWith(`${cookie}=`))?.slice(`${cookie}=`.length);
  return [bearer, kept].filter((shown) => shown !== undefined);
}

const refusal = (
  status: GuardRefusal["status"],
  code: string,
  line: string,
  headers: Readonly<Record<string, string>> = {},
): GuardRefusal => ({ status, code, line, headers });
