import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import {
  type BrokerKeys,
  type BrokerUser,
  brokerConfiguration,
  createBrokerKeys,
  issueUser,
  parseBrokerKeys,
  type Revocations,
} from "../adapters/nats/broker-keys.ts";
import { brokerUsers } from "../adapters/nats/broker-users.ts";
import { writeFileAtomically } from "./process-records.ts";

/** The lock of one broker: its keys, and the files that its programs are given. All lie in one folder. */
export interface BrokerFolder {
  readonly keys: BrokerKeys;
  /** What the server includes: operator, accounts, and who was revoked. */
  readonly accountsFile: string;
  /** The credentials of one of the service's own users. */
  credsFile(user: string): string;
  /** By this the fleet knows its own operator. */
  readonly operatorKey: string;
}

const names = { keys: "keys.json", revoked: "revoked.json", accounts: "accounts.conf" } as const;

/** The keys in a folder; null where none are. Throws BROKER_KEYS_BROKEN. */
export function readBrokerKeys(folder: string): BrokerKeys | null {
  const file = join(folder, names.keys);
  return existsSync(file) ? parseBrokerKeys(readFileSync(file, "utf8"), file) : null;
}

async function makeKeys(folder: string): Promise<BrokerKeys> {
  const keys = await createBrokerKeys(brokerUsers.map(({ name }) => name));
  writeFileAtomically(join(folder, names.keys), `${JSON.stringify(keys)}\n`);
  return keys;
}

function readRevoked(folder: string): Revocations {
  const file = join(folder, names.revoked);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Revocations) : {};
}

/**
 * Makes the keys of a broker where the folder has none, and writes what follows from them: the server's accounts and the
 * credentials of gate, node and operator, readable by their owner only. `others`: users beside those. Throws
 * BROKER_KEYS_BROKEN.
 */
export async function openBrokerFolder(
  folder: string,
  others: readonly BrokerUser[] = [],
): Promise<BrokerFolder> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keys = readBrokerKeys(folder) ?? (await makeKeys(folder));
  const accountsFile = join(folder, names.accounts);
  writeFileAtomically(accountsFile, await brokerConfiguration(keys, readRevoked(folder)));
  const credsFile = (user: string) => join(folder, `${user}.creds`);
  let operatorKey = "";
  for (const user of [...brokerUsers, ...others]) {
    const { creds, publicKey } = await issueUser(keys, user, keys.users[user.name]);
    writeFileAtomically(credsFile(user.name), creds);
    if (user.name === "operator") operatorKey = publicKey;
  }
  return { keys, accountsFile, credsFile, operatorKey };
}

/**
 * Voids all that was issued to a public key until now. The server takes it when it reads its configuration again
 * (SIGHUP), and then cuts who is connected by it. Throws BROKER_KEYS_BROKEN.
 */
export async function revokeUser(folder: string, publicKey: string, nowMs: number): Promise<void> {
  const { keys } = await openBrokerFolder(folder);
  // The second that runs is included: credentials made in it are void as well.
  const revoked = { ...readRevoked(folder), [publicKey]: Math.ceil(nowMs / 1000) };
  writeFileAtomically(join(folder, names.revoked), `${JSON.stringify(revoked)}\n`);
  writeFileAtomically(join(folder, names.accounts), await brokerConfiguration(keys, revoked));
}

/** The folder of an account without a name, which a server without accounts uses. */
const unnamed = "$G";

/**
 * Streams that a version without a lock wrote belong to the account without a name: gives them to the account of gates
 * and nodes. For a server that does not run.
 */
export function adoptStreams(storeFolder: string, account: string): boolean {
  const streams = join(storeFolder, "jetstream");
  const [from, to] = [join(streams, unnamed), join(streams, account)];
  if (!existsSync(from) || readdirSync(from).length === 0 || existsSync(to)) return false;
  renameSync(from, to);
  return true;
}
