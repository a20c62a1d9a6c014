import type { Reason } from "../../../machines/lifecycle.ts";
import { HoldfastError } from "../../errors.ts";
import type { TelegramFault } from "./telegram.ts";

/** Every rejected call of a `TelegramClient` rejects with this; `fault` says how to treat it. */
export class TelegramError extends Error {
  readonly fault: TelegramFault;

  constructor(fault: TelegramFault, cause?: unknown) {
    super(`${fault.code}: ${fault.message}`, cause === undefined ? undefined : { cause });
    this.name = "TelegramError";
    this.fault = fault;
  }
}

/** Telegram said no, or the adapter itself: nothing was done. */
export const refused = (code: string, message: string): TelegramError =>
  new TelegramError({ code, kind: "refused", message });

/** The reason for a person and the metrics, from any thrown value. */
export function faultReason(error: unknown): Reason {
  if (error instanceof TelegramError) {
    const { code, message, waitSeconds } = error.fault;
    return { code, message, ...(waitSeconds !== undefined && { waitSeconds }) };
  }
  if (error instanceof HoldfastError) return { code: error.code, message: error.line };
  return { code: "UNEXPECTED", message: error instanceof Error ? error.message : String(error) };
}

/** True where the key can never be used again: a named death, or a stored session that cannot be read. */
export function isDeadKey(error: unknown): boolean {
  if (error instanceof TelegramError) return error.fault.kind === "dead-key";
  return error instanceof HoldfastError && error.code === "SESSION_BLOB_BROKEN";
}
