import { tl } from "@mtcute/core";
import { HoldfastError } from "../../errors.ts";
import { TelegramError } from "../../ports/telegram-error.ts";
import type { TelegramFault } from "../../ports/telegram.ts";

/** Only these names end a key for ever; https://core.telegram.org/api/errors lists them among 401 and 406. */
const deadKeyNames: ReadonlySet<string> = new Set([
  "AUTH_KEY_DUPLICATED",
  "AUTH_KEY_UNREGISTERED",
  "AUTH_KEY_INVALID",
  "SESSION_REVOKED",
  "SESSION_EXPIRED",
  "USER_DEACTIVATED",
  "USER_DEACTIVATED_BAN",
]);
const floodNames = /^(?:FLOOD_WAIT|FLOOD_PREMIUM_WAIT|SLOWMODE_WAIT)_/;

/** An RPC error by its number and name; `waitSeconds` where the library has taken it out of the name. */
export function rpcFault(code: number, name: string, waitSeconds = 0): TelegramFault {
  const message = `Telegram answered ${code} ${name}`;
  if (deadKeyNames.has(name)) return { code: name, kind: "dead-key", message };
  if (name === "SESSION_PASSWORD_NEEDED") return { code: name, kind: "password-needed", message };
  if (floodNames.test(name)) {
    const seconds = waitSeconds || Number(/\d+$/.exec(name)?.[0] ?? 0);
    return { code: "FLOOD_WAIT", kind: "flood", waitSeconds: seconds, message };
  }
  if (name === "RANDOM_ID_DUPLICATE") return { code: name, kind: "refused", message };
  if (code >= 500 || code < 0) return { code: name, kind: "unknown", message };
  return { code: name, kind: "refused", message };
}

/** Whatever a call of the library rejected with. A broken wire leaves the outcome unknown. */
export function parseFault(error: unknown): TelegramFault {
  if (error instanceof TelegramError) return error.fault;
  if (tl.RpcError.is(error)) {
    const { seconds } = error as { readonly seconds?: number };
    return rpcFault(error.code, error.text.replace("%d", String(seconds ?? "")), seconds);
  }
  if (error instanceof HoldfastError) {
    return { code: error.code, kind: "unknown", message: error.message };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: "CONNECTION_LOST", kind: "unknown", message };
}
