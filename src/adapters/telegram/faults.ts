import { MtTimeoutError, TransportError } from "@mtcute/core";
import { HoldfastError } from "../../errors.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";
import type { TelegramFault } from "../../ports/telegram/telegram.ts";

/** Only these names end a key for ever; https://core.telegram.org/api/errors lists them among 401 and 406. */
const deadKeyNames: ReadonlySet<string> = new Set([
  "AUTH_KEY_DUPLICATED",
  "AUTH_KEY_UNREGISTERED",
  "AUTH_KEY_INVALID",
  "SESSION_REVOKED",
  "SESSION_EXPIRED",
]);
/** USER_DEACTIVATED, USER_DEACTIVATED_BAN and other endings. */
const deadAccountName = /^USER_DEACTIVATED(?:_|$)/;
/** https://core.telegram.org/api/datacenter#user-migration */
const migrateName = /^(?:PHONE|NETWORK|USER)_MIGRATE_(?<dcId>\d+)$/;
const waitName = /^(?<family>FLOOD_WAIT|FLOOD_PREMIUM_WAIT|SLOWMODE_WAIT|\w+)_(?<seconds>\d+)$/;
const floodFamilies: ReadonlySet<string> = new Set([
  "FLOOD_WAIT",
  "FLOOD_PREMIUM_WAIT",
  "SLOWMODE_WAIT",
]);
/** Other calls that must wait carry this number (https://core.telegram.org/api/errors#420-flood). */
const floodNumber = 420;

/** The transport's answer to a key that it does not know (https://core.telegram.org/mtproto/mtproto-transports). */
export const unknownKeyFault: TelegramFault = {
  code: "TRANSPORT_404",
  kind: "dead-key",
  message: "Telegram no longer knows the key (transport error -404)",
};

/** A client stays in the data centre that it was opened for. */
export function livesElsewhere(dcId: number): TelegramFault {
  return {
    code: "OTHER_DATA_CENTRE",
    kind: "refused",
    message: `Telegram keeps this account in data centre ${dcId}, which this node does not connect to`,
  };
}

export function connectionLost(): TelegramError {
  return new TelegramError({
    code: "CONNECTION_LOST",
    kind: "unknown",
    message: "the connection broke before Telegram answered",
  });
}

/** The answer to every call of a key that was never logged in; that is no death. */
export function isStranger(fault: TelegramFault, authorised: boolean): boolean {
  return fault.code === "AUTH_KEY_UNREGISTERED" && !authorised;
}

/** Whether only a key that is logged in gets this answer to this call. */
export function provesLogin(method: string, answer: unknown): boolean {
  if (method === "auth.exportLoginToken") {
    return Object(answer)._ === "auth.loginTokenSuccess";
  }
  if (method.startsWith("help.") || method === "account.getPassword") return false;
  return !method.startsWith("auth.") || loginMethods.has(method);
}

const loginMethods: ReadonlySet<string> = new Set([
  "auth.signIn",
  "auth.checkPassword",
  "auth.importBotAuthorization",
]);

/** Telegram's answer to a call, by its number and name, such as 420 and FLOOD_WAIT_33. */
export function rpcFault(code: number, name: string): TelegramFault {
  const message = `Telegram answered ${code} ${name}`;
  if (deadKeyNames.has(name) || deadAccountName.test(name)) {
    return { code: name, kind: "dead-key", message };
  }
  const { dcId } = migrateName.exec(name)?.groups ?? {};
  if (dcId !== undefined) return livesElsewhere(Number(dcId));
  if (name === "SESSION_PASSWORD_NEEDED") return { code: name, kind: "password-needed", message };
  const { family, seconds } = waitName.exec(name)?.groups ?? {};
  if (family !== undefined && (floodFamilies.has(family) || code === floodNumber)) {
    return { code: family, kind: "flood", waitSeconds: Number(seconds), message };
  }
  // It carries 500, but says for certain that the message has arrived before.
  if (name === "RANDOM_ID_DUPLICATE") return { code: name, kind: "refused", message };
  // -503 is Telegram's own timeout.
  if (code >= 500 || code < 0) return { code: name, kind: "unknown", message };
  return { code: name, kind: "refused", message };
}

/** The fault of any other rejection. A broken wire leaves the outcome unknown. */
export function parseFault(error: unknown): TelegramFault {
  if (error instanceof TelegramError) return error.fault;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof HoldfastError) return { code: error.code, kind: "unknown", message };
  if (error instanceof TransportError) {
    return { code: `TRANSPORT_${error.code}`, kind: "unknown", message };
  }
  if (error instanceof MtTimeoutError) return { code: "CALL_TIMEOUT", kind: "unknown", message };
  return { code: "CONNECTION_LOST", kind: "unknown", message };
}
