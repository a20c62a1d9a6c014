import { retentionVariables } from "./retention.ts";
import { speakerVariables } from "./speaker-variables.ts";
import { timingMeanings, timingNames, timingsOf, timingVariable } from "./timings.ts";

/** One setting in the environment. */
export interface Variable {
  readonly name: string;
  /** The form of a value, for the manual. */
  readonly form: string;
  /** Shown in the manual: the effect of an unset variable. */
  readonly byDefault: string;
  readonly meaning: string;
}

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export const pacings = ["on", "off"] as const;

export const menuStyles = ["numbered", "buttons"] as const;

const plainVariables: readonly Variable[] = [
  {
    name: "HOLDFAST_HOME",
    form: "folder",
    byDefault: "`.holdfast` in the working directory",
    meaning: "data of the embedded parts, the master key, logs, run.json",
  },
  {
    name: "HOLDFAST_DATABASE_URL",
    form: "postgres:// URL (docs/inputs.md)",
    byDefault: "an embedded PostgreSQL",
    meaning:
      "the database of the fleet, as a login of the role holdfast_runtime; in production a remote one says sslmode",
  },
  {
    name: "HOLDFAST_NATS_URL",
    form: "nats:// or tls:// URLs, separated by commas (docs/inputs.md)",
    byDefault: "an embedded nats-server",
    meaning: "the NATS servers of the fleet, with JetStream",
  },
  {
    name: "HOLDFAST_NATS_CREDS",
    form: "file that its owner alone can read",
    byDefault: "with the embedded server: made at the first start; else none",
    meaning: "who speaks to NATS: credentials of a broker with accounts",
  },
  {
    name: "HOLDFAST_NATS_NODE_CREDS",
    form: "file that its owner alone can read",
    byDefault: "HOLDFAST_NATS_CREDS",
    meaning: "the credentials that a gate gives to its node",
  },
  {
    name: "HOLDFAST_NATS_OPERATOR_CREDS",
    form: "file that its owner alone can read",
    byDefault: "HOLDFAST_NATS_CREDS",
    meaning: "with servers outside: the credentials that `run.json` names for commands",
  },
  {
    name: "HOLDFAST_NATS_NKEY_FILE",
    form: "file that its owner alone can read",
    byDefault: "none",
    meaning: "the same: the seed of an nkey",
  },
  {
    name: "HOLDFAST_NATS_USER",
    form: "name",
    byDefault: "none",
    meaning: "the same: a user; needs the next one. Or write nats://user:password@host",
  },
  {
    name: "HOLDFAST_NATS_PASSWORD_FILE",
    form: "file that its owner alone can read",
    byDefault: "none",
    meaning: "the user's password",
  },
  {
    name: "HOLDFAST_NATS_CA",
    form: "file, PEM",
    byDefault: "the certificates that the system trusts",
    meaning: "signs the servers' certificates; with it nothing is said in the clear",
  },
  {
    name: "HOLDFAST_NATS_CERT",
    form: "file, PEM",
    byDefault: "none",
    meaning: "this client's certificate; needs the next one",
  },
  {
    name: "HOLDFAST_NATS_KEY",
    form: "file, PEM, that its owner alone can read",
    byDefault: "none",
    meaning: "the key of that certificate",
  },
  {
    name: "HOLDFAST_NATS_SERVER",
    form: "file",
    byDefault: "found on the PATH, or obtained once",
    meaning: "the nats-server program that the embedded part runs",
  },
  ...speakerVariables,
  {
    name: "HOLDFAST_TELEGRAM_API_ID",
    form: "whole number from my.telegram.org",
    byDefault: "a simulated Telegram",
    meaning: "with the hash: use Telegram itself",
  },
  {
    name: "HOLDFAST_TELEGRAM_API_HASH",
    form: "32 hex digits from my.telegram.org",
    byDefault: "a simulated Telegram",
    meaning: "with the id: use Telegram itself",
  },
  {
    name: "HOLDFAST_TELEGRAM_DC",
    form: '{"id","host","port","publicKeyPem","mediaPort"?} as JSON',
    byDefault: "Telegram's own addresses",
    meaning: "the data centre to connect to; the launcher sets it for the simulated one",
  },
  {
    name: "HOLDFAST_PACING",
    form: pacings.join(", "),
    byDefault: "on with Telegram itself, off with the simulated one",
    meaning: "whether replies keep to Telegram's known rates before it has to ask for silence",
  },
  {
    name: "HOLDFAST_HTTP_HOST",
    form: "address",
    byDefault: "127.0.0.1",
    meaning: "where metrics, health and console listen",
  },
  {
    name: "HOLDFAST_HTTP_PORT",
    form: "0 to 65535",
    byDefault: "0: any free port",
    meaning: "where metrics, health and console listen",
  },
  {
    name: "HOLDFAST_HTTP_NAMES",
    form: "names, separated by commas",
    byDefault: "none",
    meaning:
      "further names by which metrics, health and console are reached, beside loopback's, HOLDFAST_HTTP_HOST and HOLDFAST_HOST",
  },
  {
    name: "HOLDFAST_HOST",
    form: "letters, digits, dots and hyphens",
    byDefault: "the machine's host name; letters beyond English ones are replaced by a mark",
    meaning: "this host's name in the fleet; every host needs its own",
  },
  {
    name: "HOLDFAST_MASTER_KEY",
    form: "32 bytes as base64 or hex; several, separated by commas, while a new one takes over",
    byDefault: "`master.key` in the home, made at the first start",
    meaning:
      "encrypts every stored secret, the first of several; the same on every host of a fleet",
  },
  {
    name: "HOLDFAST_MASTER_KEY_FILE",
    form: "file",
    byDefault: "`master.key` in the home, made at the first start",
    meaning: "holds the master key, so that it is not in the environment",
  },
  {
    name: "HOLDFAST_RENEW_EVERY",
    form: "90s, 45m, 12h or 30d",
    byDefault: "never",
    meaning: "every key is renewed at this age, by a method that needs no person",
  },
  {
    name: "HOLDFAST_RENEW_JITTER",
    form: "90s, 45m, 12h or 30d",
    byDefault: "a tenth of HOLDFAST_RENEW_EVERY",
    meaning: "renewals are spread over this time, each key always at the same place",
  },
  {
    name: "HOLDFAST_QUIET_HOURS",
    form: "22:00-06:00, local time",
    byDefault: "none",
    meaning: "no renewal of the schedule begins then",
  },
  {
    name: "HOLDFAST_NOTIFY_WEBHOOK",
    form: "http:// or https:// URL",
    byDefault: "none",
    meaning:
      "hears of dead keys, aborted renewals and sessions that wait for a person, as JSON by POST; https:// alone in production",
  },
  {
    name: "HOLDFAST_NOTIFY_SECRET",
    form: "at least 16 characters",
    byDefault: "none: notices are not signed",
    meaning:
      "signs what is posted to HOLDFAST_NOTIFY_WEBHOOK, as replies are signed (docs/channels.md); needed in production",
  },
  {
    name: "HOLDFAST_NOTIFY_TELEGRAM",
    form: "an account and whom it writes to: desk-account @olga",
    byDefault: "none",
    meaning: "hears of the same by a message from another account of the fleet",
  },
  {
    name: "HOLDFAST_BOT",
    form: "file, JavaScript or TypeScript",
    byDefault: "on the simulated Telegram the example, a site manager; none on Telegram itself",
    meaning:
      "exports by default the bot that answers for bots' accounts, and for those that `holdfast bot` says; loaded anew when it changes, but in production",
  },
  {
    name: "HOLDFAST_BOT_PROCESSES",
    form: "1 to 64",
    byDefault: "2",
    meaning: "processes that run the handlers of one bot; as many more may run suspects alone",
  },
  {
    name: "HOLDFAST_BOT_HANG_MS",
    form: "200 to 600000",
    byDefault: "2000 (development), 5000 (production)",
    meaning: "a process of a bot that has turns and gives no sign of life for so long is ended",
  },
  {
    name: "HOLDFAST_BOT_MEMORY_MB",
    form: "32 to 65536",
    byDefault: "256",
    meaning: "the heap of a process of a bot; with 128 MB more in all, it is ended",
  },
  {
    name: "HOLDFAST_BOT_ENV",
    form: "names of variables, separated by commas",
    byDefault: "none",
    meaning: "what a bot finds in its environment, beside TZ and LANG",
  },
  {
    name: "HOLDFAST_BOT_FOLDERS",
    form: "folders, separated by commas",
    byDefault: "none",
    meaning: "what a bot may read beside its own folder and its packages",
  },
  {
    name: "HOLDFAST_TALK_TURNS",
    form: "0 to 1000000",
    byDefault: "40",
    meaning:
      "answers to texts that each came within 2 s of the answer before; then that conversation rests, longer each time; 0: never",
  },
  {
    name: "HOLDFAST_WEBHOOK_PORT",
    form: "0 to 65535",
    byDefault: "none: no webhook channel",
    meaning:
      "where messages of another channel are posted to (docs/channels.md); needs the next three",
  },
  {
    name: "HOLDFAST_WEBHOOK_URL",
    form: "http:// or https:// URL",
    byDefault: "none",
    meaning: "the address that the provider posts to, as it signs it",
  },
  {
    name: "HOLDFAST_WEBHOOK_SECRET",
    form: "at least 16 characters",
    byDefault: "none",
    meaning: "the provider signs with it what it posts",
  },
  {
    name: "HOLDFAST_WEBHOOK_REPLY_URL",
    form: "http:// or https:// URL",
    byDefault: "none",
    meaning: "takes the replies, as JSON by POST; https:// alone in production",
  },
  {
    name: "HOLDFAST_WEBHOOK_REPLY_SECRET",
    form: "at least 16 characters",
    byDefault: "HOLDFAST_WEBHOOK_SECRET",
    meaning: "signs the replies; in production it is needed, and another than the provider's",
  },
  {
    name: "HOLDFAST_WEBHOOK_HOST",
    form: "address",
    byDefault: "127.0.0.1",
    meaning: "where the channel listens",
  },
  {
    name: "HOLDFAST_WEBHOOK_ACCOUNT",
    form: "letters, digits, dots and hyphens",
    byDefault: "webhook",
    meaning: "the name under which its conversations and figures stand",
  },
  {
    name: "HOLDFAST_WEBHOOK_MENUS",
    form: menuStyles.join(", "),
    byDefault: "numbered",
    meaning: "whether the text of a reply lists the choices; they come as data in any case",
  },
  {
    name: "HOLDFAST_WEBHOOK_MEDIA_AUTH",
    form: "user:password",
    byDefault: "none",
    meaning: "for the servers that keep the files of its messages; shown to the next alone",
  },
  {
    name: "HOLDFAST_WEBHOOK_MEDIA_HOSTS",
    form: "names, separated by commas, each with or without a port",
    byDefault: "none",
    meaning: "the servers that see HOLDFAST_WEBHOOK_MEDIA_AUTH, by https",
  },
  {
    name: "HOLDFAST_WEBHOOK_MEDIA_PRIVATE_HOSTS",
    form: "names, separated by commas, each with or without a port",
    byDefault: "none",
    meaning:
      "servers of files that may stand in a private network and speak http; files of others come from public addresses alone",
  },
  ...retentionVariables,
  {
    name: "HOLDFAST_LOG_LEVEL",
    form: logLevels.join(", "),
    byDefault: "info",
    meaning: "how much is logged",
  },
  {
    name: "HOLDFAST_PROFILE",
    form: "development, production",
    byDefault: "development; with a named database and a named NATS it must be set",
    meaning: "which set of times holds (below), the same on every host of a fleet",
  },
];

const { development, production } = timingsOf;

/** Every variable that Holdfast reads, in the order of the manual. */
export const variables: readonly Variable[] = [
  ...plainVariables,
  ...timingNames.map((name) => ({
    name: timingVariable(name),
    form: "milliseconds",
    byDefault:
      development[name] === production[name]
        ? String(production[name])
        : `${development[name]} (development), ${production[name]} (production)`,
    meaning: timingMeanings[name],
  })),
];
