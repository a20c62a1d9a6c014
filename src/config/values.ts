import { Buffer } from "node:buffer";
import { bareHost, readAddress, readAddresses } from "../inputs/address.ts";
import { readPeer } from "../inputs/peer.ts";
import { accountNamePattern } from "../ports/accounts/account-name.ts";
import type { Fault } from "./faults.ts";

/** A data centre that is not Telegram's own. */
export interface TelegramDc {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** Trusted in place of Telegram's keys. */
  readonly publicKeyPem: string;
  readonly mediaPort?: number;
}

/** A parsed value, or the fault with its remedy. */
export type Reading<Value> =
  | { readonly value: Value }
  | { readonly fault: Omit<Fault, "variable"> };

const wrong = (problem: string, remedy: string) => ({ fault: { problem, remedy } });

const show = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** Never quotes the value, which may hold a password. */
export function readDatabaseUrl(text: string): Reading<string> {
  const read = readAddress(text, "postgres");
  if ("value" in read) return { value: read.value.text };
  return wrong(`${read.why}.`, "Write it like postgres://user:password@host:5432/database.");
}

export function readNatsUrls(text: string): Reading<string> {
  const remedy = "Write it like nats://host:4222,nats://other:4222.";
  const read = readAddresses(text, "nats");
  if ("why" in read) return wrong(`${read.why}.`, remedy);
  const logins = read.value
    .filter(({ user }) => user !== null)
    .map(({ user, password }) => JSON.stringify([user, password]));
  if (new Set(logins).size < 2) {
    return { value: read.value.map((server) => server.text).join(",") };
  }
  return wrong("names more than one user.", "All servers of a cluster take the same one.");
}

/** Public keys of NATS users, separated by commas. Quotes nothing: a seed may stand there by mistake. */
export function readUserKeys(text: string): Reading<readonly string[]> {
  const keys = text.split(",").map((part) => part.trim());
  return keys.every((key) => /^U[A-Z2-7]{55}$/.test(key))
    ? { value: keys }
    : wrong(
        "holds something that is no public key of a NATS user.",
        "Give keys of 56 characters that begin with U, separated by commas.",
      );
}

/** A whole number; units are the caller's. */
export function readWhole(
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): Reading<number> {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= min && value <= max
    ? { value }
    : wrong(`is ${show(text)}.`, `Give a whole number from ${min} to ${max}.`);
}

export function readOneOf<Choice extends string>(
  text: string,
  choices: readonly Choice[],
): Reading<Choice> {
  const value = choices.find((choice) => choice === text);
  return value === undefined
    ? wrong(`is ${show(text)}.`, `Give one of ${choices.join(", ")}.`)
    : { value };
}

export function readPattern(text: string, pattern: RegExp, remedy: string): Reading<string> {
  return pattern.test(text) ? { value: text } : wrong(`is ${show(text)}.`, remedy);
}

/** Names or addresses of machines, separated by commas. */
export function readNames(text: string): Reading<readonly string[]> {
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  return names.every((name) => /^[a-z0-9][a-z0-9.:-]*$/.test(name))
    ? { value: Object.freeze(names) }
    : wrong(`is ${show(text)}.`, "Give names such as holdfast.example.com, separated by commas.");
}

/** Never quotes the value, which is a secret. */
export function readSecret(text: string, pattern: RegExp, remedy: string): Reading<string> {
  return pattern.test(text) ? { value: text } : wrong("has the wrong form.", remedy);
}

/** One that two parties sign with. */
export const readSharedSecret = (text: string): Reading<string> =>
  readSecret(text, /^.{16,}$/, "Give one that both sides know, of 16 characters or more.");

const keyBytes = 32;

/** 32 bytes as 64 hex digits or as base64. Never shows the value. */
const wrongKey = wrong(
  "does not hold 32 bytes.",
  "Make one with `openssl rand -base64 32`; to read what is stored already, use the key that wrote it.",
);

/**
 * Reads one or several keys, separated by lines or commas. The first encrypts; all of them decrypt.
 */
export function readMasterKeys(text: string): Reading<readonly Buffer[]> {
  const readings = text
    .split(/[\s,]+/)
    .filter((one) => one !== "")
    .map(readMasterKey);
  const keys: Buffer[] = [];
  for (const reading of readings) {
    if (!("value" in reading)) return reading;
    keys.push(reading.value);
  }
  if (keys.length > 0) return { value: keys };
  return wrongKey;
}

function readMasterKey(trimmed: string): Reading<Buffer> {
  const value = /^[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed, "hex")
    : Buffer.from(trimmed, "base64");
  return value.length === keyBytes && /^[0-9A-Za-z+/=_-]+$/.test(trimmed) ? { value } : wrongKey;
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

function isTelegramDc(value: unknown): value is TelegramDc {
  if (typeof value !== "object" || value === null) return false;
  const of: Record<string, unknown> = { ...value };
  return (
    Number.isInteger(of["id"]) &&
    typeof of["host"] === "string" &&
    of["host"] !== "" &&
    isPort(of["port"]) &&
    typeof of["publicKeyPem"] === "string" &&
    of["publicKeyPem"].includes("PUBLIC KEY") &&
    (of["mediaPort"] === undefined || isPort(of["mediaPort"]))
  );
}

export function readTelegramDc(text: string): Reading<TelegramDc> {
  const remedy =
    'Give JSON like {"id":2,"host":"127.0.0.1","port":4430,"publicKeyPem":"-----BEGIN RSA PUBLIC KEY-----…"}, as telegram-dc prints it.';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return wrong("is not JSON.", remedy);
  }
  if (!isTelegramDc(value)) return wrong("lacks a part or has one of the wrong kind.", remedy);
  const { id, port, publicKeyPem, mediaPort } = value;
  const host = bareHost(value.host);
  return {
    value: { id, host, port, publicKeyPem, ...(mediaPort === undefined ? {} : { mediaPort }) },
  };
}

const unitsMs: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 };

/** `90s`, `45m`, `12h`, `30d`, as milliseconds. */
export function readDuration(text: string): Reading<number> {
  const { count, unit } = /^(?<count>\d{1,6})(?<unit>[smhd])$/.exec(text)?.groups ?? {};
  if (count === undefined || unit === undefined || Number(count) === 0) {
    return wrong(`is no length of time: ${text}.`, "Give 90s, 45m, 12h or 30d.");
  }
  return { value: Number(count) * (unitsMs[unit] ?? 0) };
}

/** `22:00-06:00`, as minutes of the day. */
export function readQuietHours(
  text: string,
): Reading<{ readonly fromMinute: number; readonly toMinute: number }> {
  const at = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (at === null) {
    return wrong(`is no time of the day from and to: ${text}.`, "Give it as 22:00-06:00.");
  }
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = at.slice(1).map(Number);
  return { value: { fromMinute: fromHour * 60 + fromMinute, toMinute: toHour * 60 + toMinute } };
}

export function readHttpUrl(text: string): Reading<string> {
  const read = readAddress(text, "http");
  if ("value" in read) return { value: read.value.text };
  return wrong(`${read.why}.`, "Give it as https://host/path.");
}

/** `desk-account @olga`: the sender, and the reader. */
export function readSenderAndPeer(
  text: string,
): Reading<{ readonly from: string; readonly to: string }> {
  const [from = "", to = "", ...more] = text.trim().split(/\s+/);
  const isWhole = accountNamePattern.test(from) && "value" in readPeer(to) && more.length === 0;
  if (isWhole) return { value: { from, to } };
  return wrong("does not name an account and whom it writes to.", "Give it as: desk-account @olga");
}
