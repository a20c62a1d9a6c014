import { Buffer } from "node:buffer";
import {
  Algorithms,
  createAccount,
  createOperator,
  createUser,
  decode,
  encodeAccount,
  encodeOperator,
  encodeUser,
  fmtCreds,
  fromSeed,
  type KeyPair,
  type User,
} from "@nats-io/jwt";
import { HoldfastError } from "../../errors.ts";

/** HOLDFAST: gates and nodes, and all streams. CALLERS: those who send commands; nothing else reaches them. */
export const brokerAccounts = ["HOLDFAST", "CALLERS", "SYS"] as const;
export type BrokerAccount = (typeof brokerAccounts)[number];

/** The seeds that sign who may log in to a broker: whoever has them can make any user. */
export interface BrokerKeys {
  readonly operator: string;
  /** What the operator says of itself, signed. Kept, because a running server takes no other. */
  readonly operatorToken: string;
  readonly accounts: Readonly<Record<BrokerAccount, string>>;
  /** The seeds of the service's own users, by name, so that a user stays the same one. */
  readonly users: Readonly<Record<string, string>>;
}

/** A user of the broker, and all that it may do there. */
export interface BrokerUser {
  readonly name: string;
  readonly account: Exclude<BrokerAccount, "SYS">;
  /** The subjects that it may publish to. */
  readonly publish: readonly string[];
  readonly publishDenied?: readonly string[];
  /** The subjects that it may subscribe to, beside its own inboxes. */
  readonly subscribe: readonly string[];
  readonly subscribeDenied?: readonly string[];
  /** Where its answers come: `_INBOX.caller.ann`. A client must set it as its inbox prefix. */
  readonly inboxPrefix: string;
  /** Seconds since 1970; from then on the broker refuses it. */
  readonly expiresAtS?: number;
}

/** Who was revoked: for each public key, the second since 1970 up to which what was issued to it is void. */
export type Revocations = Readonly<Record<string, number>>;

const textOf = (pair: KeyPair): string => Buffer.from(pair.getSeed()).toString("ascii");
const pairOf = (seed: string): KeyPair => fromSeed(Buffer.from(seed, "ascii"));
const algorithm = { algorithm: Algorithms.v2 };

/** New keys, for the users named. */
export async function createBrokerKeys(users: readonly string[]): Promise<BrokerKeys> {
  const operator = createOperator();
  const system = createAccount();
  const said = { system_account: system.getPublicKey() };
  return {
    operator: textOf(operator),
    operatorToken: await encodeOperator("holdfast", operator, said, algorithm),
    accounts: {
      HOLDFAST: textOf(createAccount()),
      CALLERS: textOf(createAccount()),
      SYS: textOf(system),
    },
    users: Object.fromEntries(users.map((name) => [name, textOf(createUser())])),
  };
}

const isTexts = (value: unknown, names: readonly string[]): boolean =>
  typeof value === "object" &&
  value !== null &&
  names.every((name) => typeof (value as Record<string, unknown>)[name] === "string");

/** Reads what `JSON.stringify` wrote of keys. Throws BROKER_KEYS_BROKEN; the error quotes nothing. */
export function parseBrokerKeys(text: string, file: string): BrokerKeys {
  try {
    const keys = JSON.parse(text) as Partial<BrokerKeys>;
    if (
      isTexts(keys, ["operator", "operatorToken"]) &&
      isTexts(keys.accounts, brokerAccounts) &&
      keys.users
    )
      return keys as BrokerKeys;
  } catch {
    // Told below: the parser's error would quote a seed.
  }
  throw new HoldfastError({
    code: "BROKER_KEYS_BROKEN",
    message: `${file} does not hold the keys of a broker.`,
    next: "Restore it; or remove it and start again, then every caller needs new credentials.",
  });
}

/** The public half of a seed. */
export const publicKeyOf = (seed: string): string => pairOf(seed).getPublicKey();

/**
 * Makes the credentials of a user, as any NATS client reads them from a file.
 * @param seed the user's key; without it the user gets a new one.
 */
export async function issueUser(
  keys: BrokerKeys,
  user: BrokerUser,
  seed?: string,
): Promise<{ readonly publicKey: string; readonly creds: string }> {
  const pair = seed === undefined ? createUser() : pairOf(seed);
  const permissions: Partial<User> = {
    pub: { allow: [...user.publish], deny: [...(user.publishDenied ?? [])] },
    sub: {
      allow: [`${user.inboxPrefix}.>`, ...user.subscribe],
      deny: [...(user.subscribeDenied ?? [])],
    },
  };
  const expiry = user.expiresAtS === undefined ? {} : { exp: user.expiresAtS };
  const issuer = pairOf(keys.accounts[user.account]);
  const jwt = await encodeUser(user.name, pair, issuer, permissions, { ...algorithm, ...expiry });
  const creds = Buffer.from(fmtCreds(jwt, pair)).toString("ascii");
  return { publicKey: pair.getPublicKey(), creds };
}

/** What credentials say of themselves. */
export interface CredsFacts {
  readonly name: string;
  readonly publicKey: string;
  /** Null where the permissions name no inbox: the library's own prefix is used. */
  readonly inboxPrefix: string | null;
  readonly expiresAtS: number | null;
}

/** Reads the credentials of a user, whoever issued them. Null for text that holds none. */
export function readCreds(creds: string): CredsFacts | null {
  const jwt = /-----BEGIN NATS USER JWT-----\s+(\S+)\s/.exec(creds)?.[1];
  if (jwt === undefined || !/-----BEGIN USER NKEY SEED-----\s+SU\S+\s/.test(creds)) return null;
  try {
    const { name, sub, exp, nats } = decode<User>(jwt);
    const inbox = nats.sub?.allow?.find((subject) => /^_INBOX[^*>]*\.>$/.test(subject));
    return {
      name,
      publicKey: sub,
      inboxPrefix: inbox === undefined ? null : inbox.slice(0, -2),
      expiresAtS: exp ?? null,
    };
  } catch {
    return null;
  }
}

/** Answered by one node. */
const services = ["holdfast.status", "holdfast.fleet.*", "holdfast.account.*.*"] as const;
/** Answered by each node. */
const chorus = "holdfast.nodes.*";
const events = "holdfast.account.*.event";

const unlimited = {
  conn: -1,
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  leaf: 0,
  wildcards: true,
};
const withStreams = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

async function accountTokens(keys: BrokerKeys, revocations: Revocations) {
  const signed = { signer: pairOf(keys.operator), ...algorithm };
  const pairs = {
    HOLDFAST: pairOf(keys.accounts.HOLDFAST),
    CALLERS: pairOf(keys.accounts.CALLERS),
    SYS: pairOf(keys.accounts.SYS),
  };
  const account = pairs.HOLDFAST.getPublicKey();
  const voided = { revocations: { ...revocations } };
  const holdfast = {
    limits: { ...unlimited, ...withStreams },
    ...voided,
    exports: [
      ...services.map((subject) => ({ name: subject, subject, type: "service" as const })),
      // Without this the first answer would be the only one.
      { name: chorus, subject: chorus, type: "service" as const, response_type: "Stream" as const },
      { name: events, subject: events, type: "stream" as const },
    ],
  };
  const callers = {
    limits: unlimited,
    ...voided,
    imports: [
      // Shared: the broker writes the speaker's public key into each request.
      ...[...services, chorus].map((subject) => ({
        name: subject,
        account,
        subject,
        local_subject: subject,
        type: "service" as const,
        share: true,
      })),
      { name: events, account, subject: events, type: "stream" as const },
    ],
  };
  return [
    [account, await encodeAccount("HOLDFAST", pairs.HOLDFAST, holdfast, signed)],
    [pairs.CALLERS.getPublicKey(), await encodeAccount("CALLERS", pairs.CALLERS, callers, signed)],
    [pairs.SYS.getPublicKey(), await encodeAccount("SYS", pairs.SYS, {}, signed)],
  ] as const;
}

/**
 * The lines of a server's configuration by which it knows operator, accounts and who was revoked. A running server
 * takes changed lines at SIGHUP, and cuts those who were revoked.
 */
export async function brokerConfiguration(
  keys: BrokerKeys,
  revocations: Revocations,
): Promise<string> {
  const accounts = await accountTokens(keys, revocations);
  return [
    `operator: "${keys.operatorToken}"`,
    `system_account: ${publicKeyOf(keys.accounts.SYS)}`,
    "resolver: MEMORY",
    "resolver_preload: {",
    ...accounts.map(([name, jwt]) => `  ${name}: "${jwt}"`),
    "}",
    "",
  ].join("\n");
}
