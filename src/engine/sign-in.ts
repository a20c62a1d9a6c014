import type { LoginMethod, RenewalMethod } from "../../machines/lifecycle.ts";
import type { Credentials } from "../ports/account-store.ts";
import type { Clock } from "../concurrency/clock.ts";
import { untilAborted, wait } from "../concurrency/wait.ts";
import type { TelegramClient } from "../ports/telegram.ts";
import { refused, TelegramError } from "../ports/telegram-error.ts";
import type { Prompts } from "./prompts.ts";

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
  /** The serving slot lets in whoever shows this token. */
  approve(token: Uint8Array): Promise<void>;
  /** Told when a code is on its way, so that the serving slot can look for it. */
  onCodeRequested(): void;
  /** Resolves when another session has accepted the token that was exported last. */
  untilAccepted(): Promise<void>;
  onWrong(what: string): void;
}

/** How often a code or a password may be wrong before it is given up. */
const triesMax = 3;
/** Telegram may extend a token that nobody has scanned. */
const qrLeastMs = 1000;

/**
 * Logs a client in by the chosen method, with the 2FA password where the account has one. Rejects with the reason;
 * nothing is retried but a wrong code or password, and those a bounded number of times.
 */
export async function signIn(parts: SignInParts): Promise<void> {
  try {
    await byMethod(parts);
  } catch (error) {
    const needsPassword = error instanceof TelegramError && error.fault.kind === "password-needed";
    if (!needsPassword) throw error;
    await byPassword(parts);
  } finally {
    parts.prompts.withdraw(parts.of);
  }
}

function byMethod(parts: SignInParts): Promise<void> {
  switch (parts.method) {
    case "bot-token":
      return byBotToken(parts);
    case "auto-code":
    case "code":
      return byCode(parts, parts.method === "auto-code");
    case "handoff":
      return byHandoff(parts);
    case "qr":
      return byQr(parts);
    case "import":
      return Promise.resolve();
  }
}

async function byBotToken({ client, credentials }: SignInParts): Promise<void> {
  if (credentials.kind !== "bot") throw refused("NOT_A_BOT", "only bots have a token");
  await client.signInBot(credentials.token);
}

async function byCode(parts: SignInParts, isRead: boolean): Promise<void> {
  const { client, credentials, prompts, signal, of } = parts;
  const phone = credentials.kind === "user" ? credentials.phone : null;
  if (phone === null)
    throw refused("PHONE_UNKNOWN", "the phone number of this account is not known");
  const read = prompts.readCodes();
  try {
    const { codeHash, via, length } = await client.requestCode(phone);
    if (isRead && via !== "app") throw codeElsewhere(via);
    parts.onCodeRequested();
    for (let triesLeft = triesMax; ; triesLeft -= 1) {
      const code = isRead
        ? await read.next(signal)
        : await prompts.ask({ of, kind: "code", via, length, triesLeft }, signal);
      try {
        return await client.signIn({ phone, codeHash, code: code.trim(), via });
      } catch (error) {
        if (!isWrong(error, "PHONE_CODE_INVALID") || triesLeft === 1) throw error;
        parts.onWrong("the code was wrong");
      }
    }
  } finally {
    read.stop();
  }
}

async function byHandoff({ client, approve }: SignInParts): Promise<void> {
  const shown = await client.loginToken();
  if (shown === null) return;
  await approve(shown.token);
  if ((await client.loginToken()) === null) return;
  throw refused("HANDOFF_REFUSED", "Telegram took the approval and still does not let the key in");
}

async function byQr({ client, prompts, clock, signal, of, untilAccepted }: SignInParts) {
  for (;;) {
    signal.throwIfAborted();
    const accepted = untilAccepted();
    const shown = await client.loginToken();
    if (shown === null) return;
    const token = Buffer.from(shown.token).toString("base64url");
    const { expiresAtMs } = shown;
    prompts.show({ of, kind: "qr", url: `tg://login?token=${token}`, expiresAtMs });
    const over = new AbortController();
    const expired = wait(clock, Math.max(expiresAtMs - clock.now(), qrLeastMs), over.signal);
    await untilAborted(signal, Promise.race([accepted, expired])).finally(() => over.abort());
  }
}

async function byPassword(parts: SignInParts): Promise<void> {
  const { client, prompts, signal, of } = parts;
  const kept = await parts.keptPassword();
  if (kept !== null) {
    try {
      return await client.checkPassword(kept);
    } catch (error) {
      if (!isWrong(error, "PASSWORD_HASH_INVALID")) throw error;
      parts.onWrong("the password that is kept is wrong");
    }
  }
  const hint = (await client.passwordHint()) ?? "";
  for (let triesLeft = triesMax; ; triesLeft -= 1) {
    const password = await prompts.ask({ of, kind: "password", hint, triesLeft }, signal);
    try {
      return await client.checkPassword(password);
    } catch (error) {
      if (!isWrong(error, "PASSWORD_HASH_INVALID") || triesLeft === 1) throw error;
      parts.onWrong("the password was wrong");
    }
  }
}

const isWrong = (error: unknown, code: string): boolean =>
  error instanceof TelegramError && error.fault.code === code;

const codeElsewhere = (via: string) =>
  refused(
    "CODE_NOT_IN_APP",
    `Telegram sends the code by ${via}, where the serving session cannot read it`,
  );
