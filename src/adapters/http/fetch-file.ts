import { type IncomingMessage, request as requestByHttp } from "node:http";
import { request as requestByHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { HoldfastError } from "../../errors.ts";
import { isPublicAddress, type ResolvedAddress, resolveHost } from "./public-address.ts";

const readMsMax = 30_000;
const redirectsMax = 3;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** From where files may be read. Hosts are names or `name:port`. */
export interface FileRules {
  /** `user:password` for `hosts`, or null. */
  readonly credentials: string | null;
  /** The hosts that may be shown the credentials. */
  readonly hosts: readonly string[];
  /** Hosts that may stand in a private network, and may be asked without TLS. */
  readonly privateHosts: readonly string[];
}

/** Public addresses alone, and no credentials. */
export const noMedia: FileRules = { credentials: null, hosts: [], privateHosts: [] };

/**
 * Reads files by HTTP. A name is resolved once, and the connection goes to an address that was judged. Redirects are
 * judged anew and see no credentials. Stops with the chunk that passes `bytesMax`.
 * @throws HoldfastError MEDIA_UNAVAILABLE (retryable), MEDIA_GONE for 404 and 410, MEDIA_REFUSED for an address that
 * may not be read
 */
export function createFileFetcher(
  rules: FileRules,
): (url: string, bytesMax: number) => Promise<Uint8Array> {
  return async (url, bytesMax) => {
    const signal = AbortSignal.timeout(readMsMax);
    try {
      let at = new URL(url);
      for (let hops = 0; hops <= redirectsMax; hops += 1) {
        const answer = await askFor(at, rules, { signal, isFirst: hops === 0 });
        const next = redirectOf(answer, at);
        if (next === null) return await bodyOf(answer, bytesMax);
        answer.destroy();
        at = next;
      }
      throw refused(`it was sent on more than ${redirectsMax} times`);
    } catch (cause) {
      throw cause instanceof HoldfastError ? cause : unavailable(cause);
    }
  };
}

const isListed = (hosts: readonly string[], { host, hostname }: URL): boolean =>
  hosts.includes(host) || hosts.includes(hostname);

async function askFor(
  url: URL,
  { credentials, hosts, privateHosts }: FileRules,
  { signal, isFirst }: { readonly signal: AbortSignal; readonly isFirst: boolean },
): Promise<IncomingMessage> {
  const mayBePrivate = isListed(privateHosts, url);
  const isSecure = url.protocol === "https:";
  if (!isSecure && url.protocol !== "http:") throw refused(`${url.protocol} is not read`);
  const addresses = await resolveHost(url.hostname);
  if (!mayBePrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
    throw refused(`${url.hostname} is no host of the public internet`);
  }
  const isTrusted = isFirst && isListed(hosts, url) && (isSecure || mayBePrivate);
  const headers: Record<string, string> = { host: url.host };
  if (isTrusted && credentials !== null) {
    headers["authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
  }
  const ask = isSecure ? requestByHttps : requestByHttp;
  return new Promise((resolve, reject) => {
    // An address in the URL may hold a user and a password; they are not sent.
    const { hostname, port, pathname, search } = url;
    const asked = ask(
      {
        hostname: hostname.replace(/^\[|\]$/g, ""),
        port,
        path: `${pathname}${search}`,
        headers,
        signal,
        agent: false,
        lookup: fixedLookup(addresses),
      },
      resolve,
    );
    asked.on("error", reject);
    asked.end();
  });
}

/** The addresses that were judged, whatever the name has become meanwhile. */
const fixedLookup =
  (addresses: readonly ResolvedAddress[]): LookupFunction =>
  (_hostname, options, done) => {
    const [first] = addresses;
    if (options.all === true) done(null, [...addresses]);
    else done(null, first!.address, first!.family);
  };

function redirectOf({ statusCode = 0, headers }: IncomingMessage, from: URL): URL | null {
  if (!redirectStatuses.has(statusCode) || headers.location === undefined) return null;
  const to = new URL(headers.location, from);
  if (from.protocol === "https:" && to.protocol !== "https:") {
    throw refused("it was sent on from https to another protocol");
  }
  return to;
}

async function bodyOf(answer: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const { statusCode = 0 } = answer;
  if (statusCode < 200 || statusCode > 299) {
    answer.destroy();
    if (statusCode === 404 || statusCode === 410) throw gone(statusCode);
    throw unavailable(new Error(`the server answered ${statusCode}`));
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > bytesMax) break;
  }
  return Buffer.concat(chunks);
}

const refused = (why: string) =>
  new HoldfastError({
    code: "MEDIA_REFUSED",
    message: `The file was not read: ${why}.`,
    next: "A server in a private network is named in HOLDFAST_WEBHOOK_MEDIA_PRIVATE_HOSTS.",
  });

const unavailable = (cause: unknown) =>
  new HoldfastError({
    code: "MEDIA_UNAVAILABLE",
    message: `The file cannot be read just now: ${cause instanceof Error ? cause.message : String(cause)}.`,
    next: "It is tried again; see that the server that keeps it answers, and HOLDFAST_WEBHOOK_MEDIA_AUTH and _HOSTS.",
    policy: "retryable",
    cause,
  });

const gone = (status: number) =>
  new HoldfastError({
    code: "MEDIA_GONE",
    message: `The file is not there any more: the server answered ${status}.`,
    next: "Ask the user to send it again.",
  });
