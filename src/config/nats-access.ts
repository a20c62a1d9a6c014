import { resolve } from "node:path";
import { ConfigError, type Fault } from "./faults.ts";

/** How this process shows NATS who it is, and how it knows the servers. Files are absolute paths, all null where unset. */
export interface NatsIdentity {
  /** Credentials as a broker with accounts issues them. */
  readonly credsFile: string | null;
  /** The seed of an nkey. */
  readonly nkeyFile: string | null;
  readonly user: string | null;
  /** The password of `user`. */
  readonly passwordFile: string | null;
  /** Certificates that sign the servers' own, in place of those that the system trusts. */
  readonly caFile: string | null;
  /** This process's certificate, and its key. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
  /** Refuse a server that asks for no credentials. */
  readonly mustAsk: boolean;
}

/** Where NATS is, and who speaks to it. */
export interface NatsAccess extends NatsIdentity {
  /** Server URLs, separated by commas. May hold a user and a password: never print it. */
  readonly url: string;
}

const names = {
  creds: "HOLDFAST_NATS_CREDS",
  nkey: "HOLDFAST_NATS_NKEY_FILE",
  user: "HOLDFAST_NATS_USER",
  password: "HOLDFAST_NATS_PASSWORD_FILE",
  ca: "HOLDFAST_NATS_CA",
  cert: "HOLDFAST_NATS_CERT",
  key: "HOLDFAST_NATS_KEY",
} as const;
const urlName = "HOLDFAST_NATS_URL";

type Text = (name: string) => string | null;

/** The faults of variables that must come together, or not at all. */
function halfPairs(text: Text): readonly Fault[] {
  const pairs = [
    [names.user, names.password],
    [names.cert, names.key],
  ] as const;
  return pairs.flatMap(([one, other]) => {
    if ((text(one) === null) === (text(other) === null)) return [];
    const [unset, set] = text(one) === null ? [one, other] : [other, one];
    const problem = `is unset, but ${set} is set.`;
    return [{ variable: unset, problem, remedy: "Set both of them, or neither." }];
  });
}

/** The fault of more than one way to say who speaks. */
function severalWays(text: Text): readonly Fault[] {
  const [first, second] = [
    ...(text(urlName)?.includes("@") === true ? [urlName] : []),
    ...[names.creds, names.nkey, names.user].filter((name) => text(name) !== null),
  ];
  if (first === undefined || second === undefined) return [];
  const problem = `says who speaks, and ${first} too.`;
  return [{ variable: second, problem, remedy: "Set only one of them." }];
}

/** Reads the variables of NATS's credentials and certificates; the faults go to `faults`. */
export function readNatsIdentity(text: Text, cwd: string, faults: Fault[]): NatsIdentity {
  const file = (name: string) => {
    const given = text(name);
    return given === null ? null : resolve(cwd, given);
  };
  faults.push(...halfPairs(text), ...severalWays(text));
  return {
    credsFile: file(names.creds),
    nkeyFile: file(names.nkey),
    user: text(names.user),
    passwordFile: file(names.password),
    caFile: file(names.ca),
    certFile: file(names.cert),
    keyFile: file(names.key),
    mustAsk: text("HOLDFAST_PROFILE") === "production",
  };
}

/** The same for a program that reads nothing else of the configuration. Throws CONFIG_INVALID. */
export function natsIdentity(
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): NatsIdentity {
  const faults: Fault[] = [];
  const identity = readNatsIdentity((name) => env[name] || null, cwd, faults);
  if (faults.length > 0) throw new ConfigError(faults);
  return identity;
}

/** An identity of credentials alone, or of none. */
export const identityOfCreds = (credsFile: string | null): NatsIdentity => ({
  credsFile,
  nkeyFile: null,
  user: null,
  passwordFile: null,
  caFile: null,
  certFile: null,
  keyFile: null,
  mustAsk: false,
});
