import { resolve } from "node:path";
import { longestPromise } from "../ports/custody/hold-promise.ts";
import type { RetentionPolicy } from "../ports/retention.ts";
import { type BotsConfig, readBots } from "./bots.ts";
import { ConfigError, type Fault, nearest } from "./faults.ts";
import { hostOfMachine } from "./host-name.ts";
import { brokenInequalities } from "./inequalities.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { type NatsIdentity, readNatsIdentity } from "./nats-access.ts";
import { type Environment, type Reader, reader } from "./reader.ts";
import { readRetention } from "./retention.ts";
import { sharedServerFaults } from "./shared-servers.ts";
import {
  readDatabaseUrl,
  readDuration,
  readHttpUrl,
  readMasterKeys,
  readNames,
  readNatsUrls,
  readOneOf,
  readPattern,
  readQuietHours,
  readSecret,
  readSenderAndPeer,
  readSharedSecret,
  readTelegramDc,
  readUserKeys,
  readWhole,
  type TelegramDc,
} from "./values.ts";
import { type UnnamedRole, unnamedRoles } from "./speaker-variables.ts";
import { type LogLevel, logLevels, pacings, variables } from "./variables.ts";
import {
  type Profile,
  type TimingName,
  timingNames,
  type Timings,
  timingsOf,
  timingVariable,
} from "./timings.ts";
import { mustBeHttps, readWebhook, type WebhookConfig } from "./webhook.ts";

export interface Config {
  /** Absolute. */
  readonly home: string;
  /** Null: the launcher starts an embedded server. */
  readonly databaseUrl: string | null;
  /** Server URLs, separated by commas. Null: the launcher starts an embedded server. */
  readonly natsUrl: string | null;
  /** Public keys of NATS users that own everything. */
  readonly operators: readonly string[];
  /** The right of one whom NATS does not name; null: none, the fleet's own nodes apart. */
  readonly unnamedRole: UnnamedRole | null;
  /** Files only; the secrets in them are read at the connection. */
  readonly natsIdentity: NatsIdentity;
  /** Files of other credentials: the node's, and those for commands. Null: the same as this process's. */
  readonly natsCreds: { readonly node: string | null; readonly operator: string | null };
  /** Null: the simulated Telegram. */
  readonly telegram: { readonly apiId: number; readonly apiHash: string } | null;
  /** Null: Telegram's own data centres. */
  readonly telegramDc: TelegramDc | null;
  /** Whether replies keep to Telegram's known rates: before Telegram itself, unless it is said otherwise. */
  readonly pacing: boolean;
  /** Port 0: any free one. `names`: further ones by which it is reached. */
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly names: readonly string[];
  };
  /** The name in the fleet. */
  readonly host: string;
  /**
   * Master keys of 32 bytes; the first one seals. Empty when neither the variable nor the file
   * gives a key. Never printed.
   */
  readonly masterKeys: readonly Buffer[];
  readonly masterKeyFile: string | null;
  /** The schedule of renewals; null: no renewal begins by itself. */
  readonly renewals: {
    readonly everyMs: number;
    readonly jitterMs: number;
    /** Minutes of the day, local time. No renewal begins between them. */
    readonly quiet: { readonly fromMinute: number; readonly toMinute: number } | null;
  } | null;
  /** Where to tell a person of a dead key or an aborted renewal. */
  readonly notices: {
    /** `secret` signs what is posted; null: it is not signed. */
    readonly webhook: { readonly url: string; readonly secret: string | null } | null;
    readonly telegram: { readonly from: string; readonly to: string } | null;
  };
  /** A channel beside Telegram; null: none. Its secrets are never printed. */
  readonly webhook: WebhookConfig | null;
  /** File of the bot, absolute; null: the example. */
  readonly bot: string | null;
  /** How the processes of bots run. */
  readonly bots: BotsConfig;
  /** Answers without a pause after which a conversation rests; 0: none does. */
  readonly talkTurnsMax: number;
  /** How long rows are kept. */
  readonly retention: RetentionPolicy;
  readonly logLevel: LogLevel;
  readonly profile: Profile;
  readonly timings: Timings;
}

/** No person reads and answers so often with less than two seconds between. */
const talkTurnsMaxDefault = 40;
const timingMsMax = 86_400_000;
/** A successor of a host whose promise is not known waits out the longest one: it must not be a day. */
const timingMsMaxOf = (name: TimingName): number =>
  name === "holdMs" || name === "answerMs" ? longestPromise[name] : timingMsMax;

function unknownVariables(env: Environment): readonly Fault[] {
  const known = variables.map(({ name }) => name);
  return Object.keys(env)
    .filter((name) => name.startsWith("HOLDFAST_") && !known.includes(name))
    .map((name) => ({
      variable: name,
      problem: "is not a variable of Holdfast.",
      remedy: `Did you mean ${nearest(name, known)}?`,
    }));
}

function readTelegram({ faults, text, read }: Reader): Config["telegram"] {
  const [idName, hashName] = ["HOLDFAST_TELEGRAM_API_ID", "HOLDFAST_TELEGRAM_API_HASH"];
  const apiId = read(idName, (given) => readWhole(given, { min: 1, max: 2_147_483_647 }));
  const apiHash = read(hashName, (given) =>
    readSecret(given, /^[0-9a-f]{32}$/i, "Copy the 32 hex digits from my.telegram.org."),
  );
  const missing = text(idName) === null ? idName : hashName;
  if ((text(idName) === null) !== (text(hashName) === null))
    faults.push({
      variable: missing,
      problem: `is unset, but ${missing === idName ? hashName : idName} is set.`,
      remedy: "Set both for Telegram itself, or neither for the simulated one.",
    });
  return apiId === null || apiHash === null ? null : { apiId, apiHash };
}

function readKey({ faults, text, read }: Reader, { cwd, readFile }: Machine) {
  const [name, fileName] = ["HOLDFAST_MASTER_KEY", "HOLDFAST_MASTER_KEY_FILE"];
  const given = text(fileName);
  const file = given === null ? null : resolve(cwd, given);
  if (given !== null && text(name) !== null)
    faults.push({
      variable: name,
      problem: `is set, and ${fileName} too.`,
      remedy: "Set only one of them.",
    });
  const content = file === null ? null : readFile(file);
  if (file !== null && content === null)
    faults.push({
      variable: fileName,
      problem: `names ${file}, which cannot be read.`,
      remedy: "Name a readable file that holds the key.",
    });
  const fromFile = content === null ? null : read(fileName, () => readMasterKeys(content));
  return { file, key: read(name, readMasterKeys) ?? fromFile ?? [] };
}

function readRenewals({ read }: Reader): Config["renewals"] {
  const everyMs = read("HOLDFAST_RENEW_EVERY", readDuration);
  const jitterMs = read("HOLDFAST_RENEW_JITTER", readDuration);
  const quiet = read("HOLDFAST_QUIET_HOURS", readQuietHours);
  if (everyMs === null) return null;
  return Object.freeze({ everyMs, jitterMs: jitterMs ?? everyMs / 10, quiet });
}

function readNoticeWebhook(from: Reader, profile: Profile): Config["notices"]["webhook"] {
  const [urlName, secretName] = ["HOLDFAST_NOTIFY_WEBHOOK", "HOLDFAST_NOTIFY_SECRET"];
  const url = from.read(urlName, readHttpUrl);
  const secret = from.read(secretName, readSharedSecret);
  if (url === null) return null;
  if (profile === "production") {
    mustBeHttps(from, urlName);
    if (from.text(secretName) === null)
      from.faults.push({
        variable: secretName,
        problem: `is unset, and what is posted to ${urlName} is not signed.`,
        remedy: "Set it to 16 characters or more that the receiver knows.",
      });
  }
  const webhook = { url, secret };
  Object.defineProperty(webhook, "secret", { enumerable: false });
  return Object.freeze(webhook);
}

function readUnnamedRole({ read }: Reader, profile: Profile): UnnamedRole | null {
  const given = read("HOLDFAST_UNNAMED_ROLE", (text) => readOneOf(text, unnamedRoles));
  if (given !== null) return given === "none" ? null : given;
  return profile === "production" ? null : "owner";
}

function readTimings({ faults, read }: Reader, profile: Profile): Timings {
  const timings: Record<TimingName, number> = { ...timingsOf[profile] };
  for (const name of timingNames) {
    const given = read(timingVariable(name), (text) =>
      readWhole(text, { min: 1, max: timingMsMaxOf(name) }),
    );
    timings[name] = given ?? timings[name];
  }
  faults.push(...brokenInequalities(timings));
  return Object.freeze(timings);
}

/**
 * Reads the configuration from the environment. Pure but for `machine`. Throws one `ConfigError`
 * (CONFIG_INVALID) with every fault: unknown HOLDFAST_* names, malformed values, half of a pair,
 * times that break custody. Secrets appear neither in errors nor in a printed configuration.
 */
export function readConfig(env: Environment, machine: Machine = thisMachine()): Config {
  const from = reader(env);
  const { faults, read, text } = from;
  faults.push(...unknownVariables(env));
  const profile = read("HOLDFAST_PROFILE", (given) =>
    readOneOf<Profile>(given, ["development", "production"]),
  );
  const key = readKey(from, machine);
  const file = (name: string) => {
    const given = text(name);
    return given === null ? null : resolve(machine.cwd, given);
  };
  const telegram = readTelegram(from);
  const pacing = read("HOLDFAST_PACING", (given) => readOneOf(given, pacings));
  const hostRemedy = "Give letters, digits, dots and hyphens, at most 63, none of those two first.";
  const settings: Omit<Config, "masterKeys"> = {
    home: resolve(machine.cwd, text("HOLDFAST_HOME") ?? ".holdfast"),
    databaseUrl: read("HOLDFAST_DATABASE_URL", readDatabaseUrl),
    natsUrl: read("HOLDFAST_NATS_URL", readNatsUrls),
    operators: read("HOLDFAST_OPERATORS", readUserKeys) ?? [],
    unnamedRole: readUnnamedRole(from, profile ?? "development"),
    natsCreds: Object.freeze({
      node: file("HOLDFAST_NATS_NODE_CREDS"),
      operator: file("HOLDFAST_NATS_OPERATOR_CREDS"),
    }),
    natsIdentity: Object.freeze(readNatsIdentity(text, machine.cwd, faults)),
    telegram,
    telegramDc: read("HOLDFAST_TELEGRAM_DC", readTelegramDc),
    pacing: pacing === null ? telegram !== null : pacing === "on",
    http: Object.freeze({
      host: text("HOLDFAST_HTTP_HOST") ?? "127.0.0.1",
      port: read("HOLDFAST_HTTP_PORT", (given) => readWhole(given, { min: 0, max: 65_535 })) ?? 0,
      names: read("HOLDFAST_HTTP_NAMES", readNames) ?? [],
    }),
    host:
      read("HOLDFAST_HOST", (given) =>
        readPattern(given, /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/, hostRemedy),
      ) ?? hostOfMachine(machine.hostname),
    masterKeyFile: key.file,
    renewals: readRenewals(from),
    notices: Object.freeze({
      webhook: readNoticeWebhook(from, profile ?? "development"),
      telegram: read("HOLDFAST_NOTIFY_TELEGRAM", readSenderAndPeer),
    }),
    webhook: readWebhook(from, profile ?? "development"),
    bot: file("HOLDFAST_BOT"),
    bots: readBots(from, env, machine, profile ?? "development"),
    talkTurnsMax:
      read("HOLDFAST_TALK_TURNS", (given) => readWhole(given, { min: 0, max: 1_000_000 })) ??
      talkTurnsMaxDefault,
    retention: readRetention(from),
    logLevel: read("HOLDFAST_LOG_LEVEL", (given) => readOneOf(given, logLevels)) ?? "info",
    profile: profile ?? "development",
    timings: readTimings(from, profile ?? "development"),
  };
  faults.push(...sharedServerFaults({ ...settings, profile }));
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(withHiddenKey(settings, key.key));
}

function withHiddenKey(settings: Omit<Config, "masterKeys">, keys: readonly Buffer[]): Config {
  const config: Config = { ...settings, masterKeys: keys };
  Object.defineProperty(config, "masterKeys", { enumerable: false });
  return config;
}
