import { Buffer } from "node:buffer";
import { readFileSync, statSync } from "node:fs";
import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "@nats-io/transport-node";
import type { NatsAccess } from "../../config/nats-access.ts";
import { HoldfastError } from "../../errors.ts";
import { type Address, hostAndPort, readAddress, shownAddress } from "../../inputs/address.ts";
import { readCreds } from "./broker-keys.ts";

/** All that a connection needs beside its pace. */
export interface AccessOptions {
  readonly options: Pick<ConnectionOptions, "servers" | "authenticator" | "inboxPrefix" | "tls">;
  /** Names who speaks and whence that is known, for a refusal; null: no credentials are given. */
  readonly who: string | null;
}

interface Way {
  readonly who: string;
  readonly authenticator: Authenticator;
  readonly inboxPrefix?: string;
}

/** The servers as text that may be printed: without users and passwords. */
export const printable = (url: string): string => serversOf(url).map(shownAddress).join(",");

/** Throws NATS_URL_MALFORMED. */
const serversOf = (url: string): readonly Address[] =>
  url.split(",").map((server) => {
    const reading = readAddress(server, "nats");
    if ("value" in reading) return reading.value;
    throw new HoldfastError({
      code: "NATS_URL_MALFORMED",
      message: `HOLDFAST_NATS_URL names a server by a text that ${reading.why}.`,
      next: "Write it like nats://host:4222,tls://other:4222.",
    });
  });

/** Throws NATS_URL_MALFORMED, NATS_KEY_UNREADABLE, NATS_KEY_EXPOSED, NATS_KEY_BROKEN, NATS_CREDENTIALS_EXPIRED. */
export function readAccess(access: NatsAccess): AccessOptions {
  const servers = serversOf(access.url);
  const way = wayOf(access, servers);
  const tls = tlsOf(access, servers);
  return {
    who: way?.who ?? null,
    options: {
      servers: servers.map(hostAndPort),
      ...(way !== null && { authenticator: way.authenticator }),
      ...(way?.inboxPrefix !== undefined && { inboxPrefix: way.inboxPrefix }),
      // With this the library refuses a server that does not offer TLS, before it says who it is.
      ...(tls !== null && { tls }),
    },
  };
}

function wayOf(access: NatsAccess, servers: readonly Address[]): Way | null {
  const { credsFile, nkeyFile, user, passwordFile } = access;
  if (credsFile !== null) return withCreds(credsFile);
  if (nkeyFile !== null) return withNkey(nkeyFile);
  if (user !== null && passwordFile !== null) {
    const password = readPrivate(passwordFile).trimEnd();
    const authenticator = usernamePasswordAuthenticator(user, password);
    return { who: `user "${user}" with the password of ${passwordFile}`, authenticator };
  }
  const { user: name, password } = servers.find((server) => server.user !== null) ?? {};
  if (name === undefined || name === null) return null;
  if (password === undefined || password === null)
    return { who: "the token in the URL", authenticator: tokenAuthenticator(name) };
  return {
    who: `user "${name}" with the password in the URL`,
    authenticator: usernamePasswordAuthenticator(name, password),
  };
}

function withCreds(file: string): Way {
  const text = readPrivate(file);
  const facts = readCreds(text);
  if (facts === null) throw broken(file, "credentials of NATS (-----BEGIN NATS USER JWT-----)");
  const { name, expiresAtS, inboxPrefix } = facts;
  if (expiresAtS !== null && expiresAtS * 1000 <= Date.now()) {
    throw new HoldfastError({
      code: "NATS_CREDENTIALS_EXPIRED",
      message: `The credentials of "${name}" in ${file} expired at ${new Date(expiresAtS * 1000).toISOString()}.`,
      next: "Ask the operator of the fleet for new ones.",
    });
  }
  return {
    who: `"${name}" of ${file}`,
    authenticator: credsAuthenticator(Buffer.from(text)),
    ...(inboxPrefix !== null && { inboxPrefix }),
  };
}

function withNkey(file: string): Way {
  const seed = /^SU[A-Z2-7]{50,}$/m.exec(readPrivate(file))?.[0];
  if (seed === undefined) throw broken(file, "the seed of a user's nkey (SU…)");
  return { who: `the nkey of ${file}`, authenticator: nkeyAuthenticator(Buffer.from(seed)) };
}

function tlsOf({ caFile, certFile, keyFile }: NatsAccess, servers: readonly Address[]) {
  const isNamed = caFile !== null || certFile !== null;
  if (!isNamed && !servers.some(({ scheme }) => scheme === "tls")) return null;
  return {
    ...(caFile !== null && { ca: read(caFile) }),
    ...(certFile !== null && { cert: read(certFile) }),
    ...(keyFile !== null && { key: readPrivate(keyFile) }),
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** The file of a secret, which its owner alone may be able to read. */
function readPrivate(file: string): string {
  const text = read(file);
  const { mode } = statSync(file);
  if ((mode & 0o077) === 0) return text;
  throw new HoldfastError({
    code: "NATS_KEY_EXPOSED",
    message: `Others than its owner can read ${file} (mode ${(mode & 0o777).toString(8)}), so what it holds is no secret.`,
    next: `Close it with: chmod 600 ${file}, and make new credentials if others may have read it.`,
  });
}

function unreadable(file: string, cause: unknown): HoldfastError {
  const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  return new HoldfastError({
    code: "NATS_KEY_UNREADABLE",
    message: `${file} cannot be read${why}.`,
    next: "Name a file that this user can read; the variables HOLDFAST_NATS_* name them.",
    cause,
  });
}

const broken = (file: string, wanted: string): HoldfastError =>
  new HoldfastError({
    code: "NATS_KEY_BROKEN",
    message: `${file} does not hold ${wanted}.`,
    next: "Name another file; the variables HOLDFAST_NATS_* say which kind each takes.",
  });
