import type { LoginMethod, RenewalMethod } from "../../../machines/lifecycle.ts";
import type { Prompts } from "./prompts.ts";
import type { Credentials } from "../../ports/accounts/account-store.ts";
import type { SealedText } from "../../ports/sealed-text.ts";
import type { Clock } from "../../concurrency/clock.ts";
import type { TelegramClient } from "../../ports/telegram/telegram.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";

/** A login's client, its account, and the ways to a person and to the serving session. */
export interface SignInParts {
  /** The login or the renewal that asks a person. */
  readonly of: string;
  readonly method: LoginMethod | RenewalMethod;
  readonly client: TelegramClient;
  readonly credentials: Credentials;
  readonly prompts: Prompts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The 2FA password that its owner chose to have kept; null for none. */
  keptPassword(): Promise<string | null>;
  /** The serving slot approves the login that shows this token. */
  approve(token: Uint8Array): Promise<void>;
  /** Told when a code is on its way, so that the serving slot can look for it. */
  onCodeRequested(): void;
  /** The address of a QR code, for the one who began this. Throws SEAL_MISSING where none may read it. */
  sealUrl(url: string): SealedText;
  /** Resolves when another session has accepted the token that was exported last. */
  untilAccepted(): Promise<void>;
  onWrong(what: string): void;
}

/** How often a code or a password may be wrong before it is given up. */
export const triesMax = 3;
/** Whether Telegram refused a typed value with that code. */
export const isWrong = (error: unknown, code: string): boolean =>
  error instanceof TelegramError && error.fault.code === code;
