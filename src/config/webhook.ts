import type { Reader } from "./reader.ts";
import {
  readHttpUrl,
  readNames,
  readOneOf,
  readPattern,
  readSecret,
  readSharedSecret,
  readWhole,
} from "./values.ts";
import { menuStyles } from "./variables.ts";
import { type Profile } from "./timings.ts";

export interface WebhookConfig {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** The provider signs with it. */
  readonly secret: string;
  readonly replyUrl: string;
  /** Replies are signed with it. */
  readonly replySecret: string;
  readonly account: string;
  readonly menus: (typeof menuStyles)[number];
  readonly media: {
    /** `user:password` for `hosts`. */
    readonly credentials: string | null;
    /** Names, or `name:port`. */
    readonly hosts: readonly string[];
    readonly privateHosts: readonly string[];
  };
}

/** How `/readyz` begins where the port of the channel cannot be had: the accounts serve, the channel does not. */
export const webhookSilent = "the webhook channel does not listen";

const portName = "HOLDFAST_WEBHOOK_PORT";
const urlName = "HOLDFAST_WEBHOOK_URL";
const secretName = "HOLDFAST_WEBHOOK_SECRET";
const replyName = "HOLDFAST_WEBHOOK_REPLY_URL";
const replySecretName = "HOLDFAST_WEBHOOK_REPLY_SECRET";
const authName = "HOLDFAST_WEBHOOK_MEDIA_AUTH";
const hostsName = "HOLDFAST_WEBHOOK_MEDIA_HOSTS";

/** Notes a fault unless the address that is given speaks https. */
export function mustBeHttps({ faults, text }: Reader, variable: string): void {
  if (!/^http:/i.test(text(variable) ?? "")) return;
  const problem = "is not encrypted, and this is production.";
  faults.push({ variable, problem, remedy: "Give an https:// address." });
}

function refuseOpenDoors(from: Reader): void {
  const { faults, text } = from;
  if (text(portName) === null) return;
  mustBeHttps(from, urlName);
  mustBeHttps(from, replyName);
  if (text(replySecretName) !== null && text(replySecretName) !== text(secretName)) return;
  faults.push({
    variable: replySecretName,
    problem: `is unset or the same as ${secretName}, so that the gateway of the replies could forge messages.`,
    remedy: "Set it to another secret, which the gateway alone shares.",
  });
}

function readMedia({ faults, text, read }: Reader): WebhookConfig["media"] {
  const credentials = read(authName, (given) =>
    readSecret(given, /^[^:]+:.+$/, "Give it as user:password."),
  );
  const hosts = read(hostsName, readNames) ?? [];
  const privateHosts = read("HOLDFAST_WEBHOOK_MEDIA_PRIVATE_HOSTS", readNames) ?? [];
  if (text(authName) !== null && text(hostsName) === null) {
    faults.push({
      variable: hostsName,
      problem: `is unset, so that ${authName} would be shown to no server.`,
      remedy: "Name the servers that may see it, such as api.twilio.com.",
    });
  }
  const media = { credentials, hosts, privateHosts };
  Object.defineProperty(media, "credentials", { enumerable: false });
  return Object.freeze(media);
}

/** The webhook channel; null where it is not wanted. Its secrets are not enumerable, so that they are never printed. */
export function readWebhook(from: Reader, profile: Profile): WebhookConfig | null {
  const { faults, text, read } = from;
  const port = read(portName, (given) => readWhole(given, { min: 0, max: 65_535 }));
  const url = read(urlName, readHttpUrl);
  const secret = read(secretName, readSharedSecret);
  const replyUrl = read(replyName, readHttpUrl);
  const replySecret = read(replySecretName, readSharedSecret);
  const account = read("HOLDFAST_WEBHOOK_ACCOUNT", (given) =>
    readPattern(
      given,
      /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/,
      "Give letters, digits, dots and hyphens.",
    ),
  );
  const menus = read("HOLDFAST_WEBHOOK_MENUS", (given) => readOneOf(given, menuStyles));
  const media = readMedia(from);
  const needed = [portName, urlName, secretName, replyName];
  const unset = needed.filter((name) => text(name) === null);
  if (unset.length > 0 && unset.length < needed.length) {
    for (const variable of unset) {
      const problem = `is unset, and the webhook channel needs it.`;
      faults.push({ variable, problem, remedy: `Set all of ${needed.join(", ")}, or none.` });
    }
  }
  if (profile === "production") refuseOpenDoors(from);
  if (port === null || url === null || secret === null || replyUrl === null) return null;
  const webhook: WebhookConfig = {
    host: text("HOLDFAST_WEBHOOK_HOST") ?? "127.0.0.1",
    port,
    url,
    secret,
    replyUrl,
    replySecret: replySecret ?? secret,
    account: account ?? "webhook",
    menus: menus ?? "numbered",
    media,
  };
  for (const name of ["secret", "replySecret"]) {
    Object.defineProperty(webhook, name, { enumerable: false });
  }
  return Object.freeze(webhook);
}
