import { Buffer } from "node:buffer";
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

/** A value read, or what is wrong with it and what to do. */
export type Reading<Value> =
  | { readonly value: Value }
  | { readonly fault: Omit<Fault, "variable"> };

const wrong = (problem: string, remedy: string) => ({ fault: { problem, remedy } });

const show = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** Says nothing of the value, which may hold a password. */
export function readDatabaseUrl(text: string): Reading<string> {
  // libpq allows an empty host beside ?host=/folder, which other readers of URLs refuse.
  return /^postgres(ql)?:\/\//.test(text) && URL.canParse(text.replace("@/", "@localhost/"))
    ? { value: text }
    : wrong("is no PostgreSQL URL.", "Write it like postgres://user:password@host:5432/database.");
}

export function readNatsUrls(text: string): Reading<string> {
  const areUrls = text
    .split(",")
    .every((part) => /^(nats|tls):\/\//.test(part.trim()) && URL.canParse(part.trim()));
  return areUrls
    ? { value: text }
    : wrong(
        "holds something that is no NATS URL.",
        "Write it like nats://host:4222,nats://other:4222.",
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

/** Says nothing of the value, which is a secret. */
export function readSecret(text: string, pattern: RegExp, remedy: string): Reading<string> {
  return pattern.test(text) ? { value: text } : wrong("has the wrong form.", remedy);
}

const keyBytes = 32;

/** 32 bytes as 64 hex digits or as base64. Never shows the value. */
export function readMasterKey(text: string): Reading<Buffer> {
  const trimmed = text.trim();
  const value = /^[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed, "hex")
    : Buffer.from(trimmed, "base64");
  return value.length === keyBytes && /^[0-9A-Za-z+/=_-]+$/.test(trimmed)
    ? { value }
    : wrong(
        "does not hold 32 bytes.",
        "Make one with `openssl rand -base64 32`; to read what is stored already, use the key that wrote it.",
      );
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
  const { id, host, port, publicKeyPem, mediaPort } = value;
  return {
    value: { id, host, port, publicKeyPem, ...(mediaPort === undefined ? {} : { mediaPort }) },
  };
}
