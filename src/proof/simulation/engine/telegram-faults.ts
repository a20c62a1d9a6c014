import type { TelegramFault } from "../../../ports/telegram/telegram.ts";
import { TelegramError } from "../../../ports/telegram/telegram-error.ts";

const fault = (
  kind: TelegramFault["kind"],
  code: string,
  message: string,
): Readonly<TelegramFault> => ({ code, kind, message });

/** The faults of calls, as a driver tells them. */
export const duplicate = fault("refused", "RANDOM_ID_DUPLICATE", "a known random_id");
export const failing = fault("unknown", "INTERDC_4_CALL_ERROR", "Telegram failed inside");
export const blocked = fault("refused", "USER_IS_BLOCKED", "the user blocked the account");
export const unknown = fault("unknown", "CALL_TIMEOUT", "no answer came in time");
export const closed = fault("unknown", "CLIENT_CLOSED", "the client was closed");
export const gateLost = fault("unknown", "GATE_LOST", "the gate is away");
export const lost = fault("unknown", "CONNECTION_LOST", "the wire broke");
export const deadKey = fault("dead-key", "AUTH_KEY_DUPLICATED", "the key is dead");
/** Of a key that nobody has logged in yet; it lives. */
export const unregistered = fault("refused", "AUTH_KEY_UNREGISTERED", "the key is not logged in");

export const flood = (code: string, waitSeconds: number): TelegramError =>
  new TelegramError({ code, kind: "flood", waitSeconds, message: `wait ${waitSeconds} seconds` });
