import { existsSync, unlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type BrokerUser, issueUser } from "../adapters/nats/broker-keys.ts";
import { eventSubject } from "../adapters/nats/broker-users.ts";
import { readRunInfo } from "../embedded/run-info.ts";
import { readBrokerKeys, revokeUser } from "../embedded/nats-keys.ts";
import { HoldfastError } from "../errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What a new caller may ask for. */
export interface NewCaller {
  readonly name: string;
  readonly accounts: "all" | readonly string[];
  /** Seconds since 1970; null: for ever. */
  readonly expiresAtS: number | null;
}

const homeOf = (env: Environment): string => resolve(env["HOLDFAST_HOME"] ?? ".holdfast");

/** Where the keys of a broker lie: the folder that was named, else that of the home. */
export const keysFolder = (env: Environment, named: string | undefined): string =>
  named === undefined ? join(homeOf(env), "nats") : resolve(named);

/** A caller's rights at the broker: to ask about its accounts, and to hear their events and its own answers. */
function brokerUser({ name, accounts, expiresAtS }: NewCaller): BrokerUser {
  const each = accounts === "all" ? ["*"] : accounts;
  return {
    name,
    account: "CALLERS",
    publish: [
      ...each.map((account) => `holdfast.account.${account}.*`),
      "holdfast.fleet.*",
      "holdfast.nodes.metrics",
      "holdfast.status",
    ],
    // Published by nodes alone: from a caller it would be a lie.
    publishDenied: [eventSubject],
    subscribe: each.map((account) => `holdfast.account.${account}.event`),
    inboxPrefix: `_INBOX.caller.${name}`,
    ...(expiresAtS === null ? {} : { expiresAtS }),
  };
}

/**
 * Makes a key and writes the caller's credentials, readable by their owner only. Throws BROKER_KEYS_MISSING,
 * CREDENTIALS_EXIST.
 */
export async function writeCredentials(
  folder: string,
  caller: NewCaller,
): Promise<{ readonly key: string; readonly file: string; remove(): void }> {
  const keys = readBrokerKeys(folder);
  if (keys === null) throw keysMissing(folder);
  const file = resolve(`${caller.name}.creds`);
  if (existsSync(file)) throw exists(file);
  const { publicKey, creds } = await issueUser(keys, brokerUser(caller));
  writeFileSync(file, creds, { mode: 0o600, flag: "wx" });
  return { key: publicKey, file, remove: () => unlinkSync(file) };
}

/**
 * Has the broker cut the one who has that key, and refuse it from now on. `written`: into the broker's configuration,
 * and its servers run elsewhere; `elsewhere`: this machine does not hold the broker's keys.
 */
export async function cutAtBroker(
  env: Environment,
  folder: string,
  key: string,
): Promise<"cut" | "written" | "elsewhere"> {
  if (readBrokerKeys(folder) === null) return "elsewhere";
  await revokeUser(folder, key, Date.now());
  const server = (await readRunInfo(homeOf(env)))?.pids["nats"];
  if (server === undefined || folder !== keysFolder(env, undefined)) return "written";
  try {
    process.kill(server, "SIGHUP");
    return "cut";
  } catch {
    return "written";
  }
}

const keysMissing = (folder: string) =>
  new HoldfastError({
    code: "BROKER_KEYS_MISSING",
    message: `${folder} does not hold the keys that make credentials; nothing was changed.`,
    next: "Say it on the machine that has them, or name their folder with --keys; a key that was made elsewhere is made known with --key <public key>.",
  });

const exists = (file: string) =>
  new HoldfastError({
    code: "CREDENTIALS_EXIST",
    message: `${file} is there already; nothing was changed.`,
    next: "Move it away, or give the caller another name.",
  });
