import type { TelegramFault } from "./telegram.ts";

/** What every rejected call of a `TelegramClient` rejects with; `fault` says how it is to be treated. */
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
