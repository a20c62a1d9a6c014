import { forceToken, type ForceParts } from "../custody/force.ts";
import type { AccountStatus } from "./account-status.ts";
import type { AccountProtocol, FleetProtocol, Handlers, Holder, Reply } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import type { AccountRecord, AccountStores } from "../ports/accounts/account-store.ts";
import { type DriverName, driverNames, type TelegramDrivers } from "../ports/telegram/telegram.ts";
import { mayName } from "../ports/speaker.ts";
import type { ServingToken, TokenStore } from "../ports/custody/token-store.ts";
import type { TelegramWait, WaitStore } from "../ports/telegram/waits.ts";
import { shownWaits } from "./waits-shown.ts";

export interface FleetCommandOptions {
  /** This host's own. */
  readonly incarnation: string;
  readonly accounts: Pick<AccountStores, "list" | "find" | "openRenewal" | "chooseDriver">;
  readonly tokens: Pick<TokenStore, "serving">;
  readonly waits: Pick<WaitStore, "inForce">;
  /** Milliseconds since 1970. */
  now(): number;
  readonly drivers: Pick<TelegramDrivers, "requireInstalled">;
  readonly force: ForceParts;
}

/**
 * Any node's answers for the whole fleet, from the database. Throws `HoldfastError` for a refusal.
 */
export interface FleetCommands {
  /**
   * `who`: the holder of an account or a key, its host, since when, and how to use the account all
   * the same. `force`: takes an account from its holder; the fleet takes it up again where it
   * belongs. `driver`: chooses the client library of an account's next connection.
   */
  readonly verbs: Handlers<FleetProtocol, "who" | "force" | "driver">;
  /** `status` of an account that a person has stopped, and why it takes nothing else. */
  ofStopped(
    record: AccountRecord,
    verb: string,
  ): Promise<Reply<AccountProtocol["status"]["answered"]>>;
  /** Every account as the database knows it. */
  all(): Promise<readonly AccountStatus[]>;
  /** Another incarnation holds the account's token. */
  isHeldElsewhere(name: string): Promise<boolean>;
  /** The reason for the account's silence. */
  explain(name: string): Promise<HoldfastError>;
}

export function createFleetCommands(options: FleetCommandOptions): FleetCommands {
  const { accounts, tokens, drivers } = options;

  const find = async (name: string): Promise<AccountRecord> => {
    const record = await accounts.find(name);
    if (record === null) throw await unknownAccount(name);
    return record;
  };

  async function unknownAccount(name: string): Promise<HoldfastError> {
    const names = (await accounts.list()).map((account) => account.name);
    return new HoldfastError({
      code: "ACCOUNT_UNKNOWN",
      message: `There is no account "${name}"; known are: ${names.join(", ") || "none yet"}.`,
      next: "See them with: npx holdfast status",
    });
  }

  const verbs: FleetCommands["verbs"] = {
    async who({ account, keyId }, speaker) {
      if (typeof account === "string") await find(account);
      const found = await tokens.serving({
        ...(typeof account === "string" ? { account } : {}),
        ...(typeof keyId === "string" ? { keyId } : {}),
      });
      const own = found.filter((token) => mayName(speaker, token.account));
      // "The fleet does not have that key" would be no truth, and a dangerous one.
      if (typeof keyId === "string" && own.length < found.length) throw keyNotYours(speaker.name);
      return { ok: true, holders: own.map(describe) };
    },
    async force({ account }) {
      const record = await find(typeof account === "string" ? account : "");
      if (record.servingSlot === null) throw neverLoggedIn(record.name);
      const forced = await forceToken(options.force, record.name, record.servingSlot);
      return { ok: true, account: record.name, forced };
    },
    async driver({ account, driver }) {
      const record = await find(typeof account === "string" ? account : "");
      const chosen = driverNamed(driver, drivers);
      await accounts.chooseDriver(record.name, chosen);
      return { ok: true, account: record.name, driver: chosen };
    },
  };

  return {
    verbs,
    async ofStopped(record, verb) {
      const { name } = record;
      if (verb !== "status") throw stoppedByPerson(name);
      const waits = await options.waits.inForce([name], options.now());
      return { ok: true, account: described(record, null, waits.get(name)) };
    },
    async all() {
      const [records, serving] = await Promise.all([accounts.list(), tokens.serving()]);
      const byAccount = new Map(serving.map((token) => [token.account, token]));
      const names = records.map(({ name }) => name);
      const waits = await options.waits.inForce(names, options.now());
      return records.map((record) =>
        described(record, byAccount.get(record.name) ?? null, waits.get(record.name)),
      );
    },
    async isHeldElsewhere(name) {
      const [token] = await tokens.serving({ account: name });
      return (
        token !== undefined && token.state !== "free" && token.incarnation !== options.incarnation
      );
    },
    async explain(name) {
      const record = await accounts.find(name);
      if (record === null) return unknownAccount(name);
      const [token] = await tokens.serving({ account: name });
      const where =
        token?.host === undefined || token.host === null
          ? "and no host holds it"
          : `and its token is ${token.state} by host ${token.host} since ${new Date(token.sinceMs).toISOString()}`;
      return new HoldfastError({
        code: "ACCOUNT_NOT_RUNNING",
        message: `${name} runs on no host just now (last known state: ${record.state}), ${where}.`,
        next: `It is taken up by itself; look again with: npx holdfast who ${name}`,
        policy: "retryable",
      });
    },
  };
}

/** @throws HoldfastError DRIVER_UNKNOWN, DRIVER_MISSING */
export function driverNamed(
  value: unknown,
  drivers: Pick<TelegramDrivers, "requireInstalled">,
): DriverName {
  const name = driverNames.find((one) => one === value);
  if (name !== undefined) {
    drivers.requireInstalled(name);
    return name;
  }
  throw new HoldfastError({
    code: "DRIVER_UNKNOWN",
    message: `There is no driver ${JSON.stringify(value) ?? "without a name"}; known are: ${driverNames.join(", ")}.`,
    next: `Give one of them; without one an account connects with ${driverNames[0]}.`,
  });
}

function described(
  record: AccountRecord,
  token: ServingToken | null,
  waits: readonly TelegramWait[] = [],
): AccountStatus {
  const { name, kind, driver, state, servingSlot, reason, wanted, device, hasProxy } = record;
  const { coolingUntilMs, hasPassword } = record;
  return {
    name,
    kind,
    driver,
    state: wanted === "stop" && token === null ? "stopped" : state,
    slot: servingSlot,
    epoch: token === null || token.state === "free" ? null : token.epoch,
    host: token?.host ?? "–",
    reason,
    renewal: null,
    bound: null,
    wanted,
    coolingUntil: coolingUntilMs === null ? null : new Date(coolingUntilMs).toISOString(),
    waits: shownWaits(waits),
    question: null,
    device: device.deviceModel,
    proxy: hasProxy,
    passwordKept: hasPassword,
    bot: record.bot,
  };
}

const stoppedByPerson = (account: string) =>
  new HoldfastError({
    code: "ACCOUNT_STOPPED",
    message: `${account} was stopped by a person and is connected nowhere; nothing was done.`,
    next: `Start it again with: npx holdfast resume ${account}`,
  });

function describe(token: ServingToken): Holder {
  const { account, slot, epoch, state, host, incarnation, keyId, sinceMs, proof } = token;
  const held = state !== "free";
  const pid = proof?.["pid"];
  return {
    account,
    slot,
    keyId,
    state,
    epoch,
    host: held ? host : null,
    incarnation,
    process: held && typeof pid === "number" ? pid : null,
    since: new Date(sinceMs).toISOString(),
    next: `Use it through its holder: npx holdfast call ${account} <method>, or NATS holdfast.account.${account}.invoke`,
  };
}

const keyNotYours = (name: string) =>
  new HoldfastError({
    code: "ACCOUNT_NOT_YOURS",
    message: `The fleet has that key, and ${name} may not name its account.`,
    next: "Do not connect with it: two connections with one key end the session for ever.",
  });

const neverLoggedIn = (account: string) =>
  new HoldfastError({
    code: "NEVER_LOGGED_IN",
    message: `${account} has no session yet, so nobody holds one.`,
    next: `Log it in with: npx holdfast login ${account}`,
  });
