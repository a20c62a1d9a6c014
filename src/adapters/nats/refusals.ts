import type { NatsConnection } from "@nats-io/transport-node";
import type { NatsAccess } from "../../config/nats-access.ts";
import { HoldfastError } from "../../errors.ts";
import { type AccessOptions, printable } from "./access.ts";

/** The error and its causes, from the outside in. */
function chain(error: unknown): readonly Error[] {
  const found: Error[] = [];
  for (let one = error; one instanceof Error && !found.includes(one); one = one.cause)
    found.push(one);
  return found;
}

const codeOf = (error: Error): string =>
  "code" in error && typeof error.code === "string" ? error.code : "";

/** OpenSSL's and Node's codes for a certificate that does not hold. */
const isOfCertificate = (code: string): boolean =>
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/.test(
    code,
  );

/**
 * The one clear line for a connection that did not come about: NATS_REFUSED, NATS_CREDENTIALS_EXPIRED, NATS_NOT_ENCRYPTED,
 * NATS_CERTIFICATE_EXPIRED, NATS_CERTIFICATE, else NATS_UNAVAILABLE. No line holds a password.
 */
export function refusalOf(
  cause: unknown,
  { url }: NatsAccess,
  { who }: Pick<AccessOptions, "who">,
): HoldfastError {
  const at = printable(url);
  const errors = chain(cause);
  const says = (pattern: RegExp) => errors.some(({ message }) => pattern.test(message));
  const certificate = errors.map(codeOf).find(isOfCertificate);
  if (says(/server does not support 'tls'/)) return notEncrypted(at, cause);
  if (says(/authentication expired/i)) {
    return new HoldfastError({
      code: "NATS_CREDENTIALS_EXPIRED",
      message: `NATS at ${at} says that ${who ?? "this client"} has expired.`,
      next: "Ask the operator of the fleet for new credentials.",
      cause,
    });
  }
  if (says(/authorization violation/i)) return refused(at, who, cause);
  if (certificate !== undefined) return ofCertificate(at, certificate, cause);
  return new HoldfastError({
    code: "NATS_UNAVAILABLE",
    message: `NATS does not answer at ${at}.`,
    next: "Check that nats-server runs and that HOLDFAST_NATS_URL names it.",
    policy: "retryable",
    cause,
  });
}

function refused(at: string, who: string | null, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: "NATS_REFUSED",
    message:
      who === null
        ? `NATS at ${at} asks for credentials, and none are given.`
        : `NATS at ${at} refuses ${who}: unknown there, wrong, or revoked.`,
    next:
      who === null
        ? "Name them in HOLDFAST_NATS_CREDS (or HOLDFAST_NATS_NKEY_FILE, or HOLDFAST_NATS_USER and HOLDFAST_NATS_PASSWORD_FILE)."
        : "Ask the operator of the fleet for new credentials.",
    cause,
  });
}

const notEncrypted = (at: string, cause: unknown): HoldfastError =>
  new HoldfastError({
    code: "NATS_NOT_ENCRYPTED",
    message: `NATS at ${at} offers no encryption, but tls:// or a certificate asks for it; nothing was sent.`,
    next: "Give the server a certificate; or, if the way to it is trusted, write nats:// and unset HOLDFAST_NATS_CA and HOLDFAST_NATS_CERT.",
    cause,
  });

function ofCertificate(at: string, code: string, cause: unknown): HoldfastError {
  const isExpired = code === "CERT_HAS_EXPIRED";
  return new HoldfastError({
    code: isExpired ? "NATS_CERTIFICATE_EXPIRED" : "NATS_CERTIFICATE",
    message: isExpired
      ? `The certificate of NATS at ${at} has expired.`
      : `The certificates of NATS at ${at} and of this client do not fit (${code}).`,
    next: isExpired
      ? "Renew it at the server."
      : "Check HOLDFAST_NATS_CA, HOLDFAST_NATS_CERT and HOLDFAST_NATS_KEY, and the name that the server's certificate is for.",
    cause,
  });
}

/** Throws NATS_OPEN for a server that asks for neither credentials nor a client's certificate. */
export function refuseOpenServer(
  { info }: Pick<NatsConnection, "info">,
  { url }: NatsAccess,
): void {
  if (info?.auth_required === true || info?.tls_verify === true) return;
  throw new HoldfastError({
    code: "NATS_OPEN",
    message: `NATS at ${printable(url)} asks for no credentials: anyone who reaches it could command this fleet.`,
    next: "Give it accounts (npx holdfast nats-keys, see docs/operating.md); the production profile refuses an open server.",
  });
}
