import { resolve } from "node:path";
import { longestPromise } from "../ports/custody/hold-promise.ts";
import { ConfigError, type Fault, nearest } from "./faults.ts";
import { brokenInequalities } from "./inequalities.ts";
import { type Machine, thisMachine } from "./machine.ts";
import {
  readDatabaseUrl,
  readDuration,
  readHttpUrl,
  type Reading,
  readMasterKeys,
  readNatsUrls,
  readOneOf,
  readPattern,
  readQuietHours,
  readSecret,
  readSenderAndPeer,
  readTelegramDc,
  readWhole,
  type TelegramDc,
} from "./values.ts";
import {
  type LogLevel,
  logLevels,
  menuStyles,
  type Profile,
  type TimingName,
  timingNames,
  type Timings,
  timingsOf,
  timingVariable,
  variables,
} from "./variables.ts";

export interface Config {
  /** Absolute. */
  readonly home: string;
  /** Null: the launcher starts an embedded server. */
  readonly databaseUrl: string | null;
  /** Server URLs, separated by commas. Null: the launcher starts an embedded server. */
  readonly natsUrl: string | null;
  /** Null: the simulated Telegram. */
  readonly telegram: { readonly apiId: number; readonly apiHash: string } | null;
  /** Null: Telegram's own data centres. */
  readonly telegramDc: TelegramDc | null;
  /** Port 0: any free one. */
  readonly http: { readonly host: string; readonly port: number };
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
    readonly webhook: string | null;
    readonly telegram: { readonly from: string; readonly to: string } | null;
  };
  /** A channel beside Telegram; null: none. Its secrets are never printed. */
  readonly webhook: WebhookConfig | null;
  /** File of the bot, absolute; null: the example. */
  readonly bot: string | null;
  readonly logLevel: LogLevel;
  readonly profile: Profile;
  readonly timings: Timings;
}

export interface WebhookConfig {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly secret: string;
  readonly replyUrl: string;
  readonly account: string;
  readonly menus: (typeof menuStyles)[number];
  /** `user:password` */
  readonly mediaAuth: string | null;
}

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const timingMsMax = 86_400_000;
/** A successor of a host whose promise is not known waits out the longest one: it must not be a day. */
const timingMsMaxOf = (name: TimingName): number =>
  name === "holdMs" || name === "answerMs" ? longestPromise[name] : timingMsMax;

/** Reads variables one by one and collects their faults. An empty value counts as unset. */
function reader(env: Environment) {
  const faults: Fault[] = [];
  const text = (name: string): string | null => env[name] || null;
  const read = <Value>(name: string, how: (text: string) => Reading<Value>): Value | null => {
    const given = text(name);
    if (given === null) return null;
    const reading = how(given);
    if ("value" in reading) return reading.value;
    faults.push({ variable: name, ...reading.fault });
    return null;
  };
  return { faults, text, read };
}

type Reader = ReturnType<typeof reader>;

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

function readWebhook({ faults, text, read }: Reader): WebhookConfig | null {
  const portName = "HOLDFAST_WEBHOOK_PORT";
  const [urlName, secretName, replyName] = [
    "HOLDFAST_WEBHOOK_URL",
    "HOLDFAST_WEBHOOK_SECRET",
    "HOLDFAST_WEBHOOK_REPLY_URL",
  ];
  const port = read(portName, (given) => readWhole(given, { min: 0, max: 65_535 }));
  const url = read(urlName, readHttpUrl);
  const secret = read(secretName, (given) =>
    readSecret(
      given,
      /^.{16,}$/,
      "Give the one that the provider signs with, of 16 characters or more.",
    ),
  );
  const replyUrl = read(replyName, readHttpUrl);
  const account = read("HOLDFAST_WEBHOOK_ACCOUNT", (given) =>
    readPattern(
      given,
      /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/,
      "Give letters, digits, dots and hyphens.",
    ),
  );
  const menus = read("HOLDFAST_WEBHOOK_MENUS", (given) => readOneOf(given, menuStyles));
  const mediaAuth = read("HOLDFAST_WEBHOOK_MEDIA_AUTH", (given) =>
    readSecret(given, /^[^:]+:.+$/, "Give it as user:password."),
  );
  const needed = [portName, urlName, secretName, replyName];
  const unset = needed.filter((name) => text(name) === null);
  if (unset.length > 0 && unset.length < needed.length) {
    for (const variable of unset) {
      const problem = `is unset, and the webhook channel needs it.`;
      faults.push({ variable, problem, remedy: `Set all of ${needed.join(", ")}, or none.` });
    }
  }
  if (port === null || url === null || secret === null || replyUrl === null) return null;
  const webhook: WebhookConfig = {
    host: text("HOLDFAST_WEBHOOK_HOST") ?? "127.0.0.1",
    port,
    url,
    secret,
    replyUrl,
    account: account ?? "webhook",
    menus: menus ?? "numbered",
    mediaAuth,
  };
  for (const name of ["secret", "mediaAuth"]) {
    Object.defineProperty(webhook, name, { enumerable: false });
  }
  return Object.freeze(webhook);
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
  const hostRemedy = "Give letters, digits, dots and hyphens, at most 63, none of those two first.";
  const settings: Omit<Config, "masterKeys"> = {
    home: resolve(machine.cwd, text("HOLDFAST_HOME") ?? ".holdfast"),
    databaseUrl: read("HOLDFAST_DATABASE_URL", readDatabaseUrl),
    natsUrl: read("HOLDFAST_NATS_URL", readNatsUrls),
    telegram: readTelegram(from),
    telegramDc: read("HOLDFAST_TELEGRAM_DC", readTelegramDc),
    http: Object.freeze({
      host: text("HOLDFAST_HTTP_HOST") ?? "127.0.0.1",
      port: read("HOLDFAST_HTTP_PORT", (given) => readWhole(given, { min: 0, max: 65_535 })) ?? 0,
    }),
    host:
      read("HOLDFAST_HOST", (given) =>
        readPattern(given, /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/, hostRemedy),
      ) ?? machine.hostname,
    masterKeyFile: key.file,
    renewals: readRenewals(from),
    notices: Object.freeze({
      webhook: read("HOLDFAST_NOTIFY_WEBHOOK", readHttpUrl),
      telegram: read("HOLDFAST_NOTIFY_TELEGRAM", readSenderAndPeer),
    }),
    webhook: readWebhook(from),
    bot: text("HOLDFAST_BOT") === null ? null : resolve(machine.cwd, text("HOLDFAST_BOT") ?? ""),
    logLevel: read("HOLDFAST_LOG_LEVEL", (given) => readOneOf(given, logLevels)) ?? "info",
    profile: profile ?? "development",
    timings: readTimings(from, profile ?? "development"),
  };
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(withHiddenKey(settings, key.key));
}

function withHiddenKey(settings: Omit<Config, "masterKeys">, keys: readonly Buffer[]): Config {
  const config: Config = { ...settings, masterKeys: keys };
  Object.defineProperty(config, "masterKeys", { enumerable: false });
  return config;
}
