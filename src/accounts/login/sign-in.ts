import { methods } from "./methods.ts";
import { isWrong, type SignInParts, triesMax } from "./sign-in-parts.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";

/**
 * Logs a client in by the chosen method, with the 2FA password where the account has one. Rejects with the reason;
 * nothing is retried but a wrong code or password, and those a bounded number of times.
 */
export async function signIn(parts: SignInParts): Promise<void> {
  try {
    await methods[parts.method].signIn(parts);
  } catch (error) {
    const needsPassword = error instanceof TelegramError && error.fault.kind === "password-needed";
    if (!needsPassword) throw error;
    await byPassword(parts);
  } finally {
    parts.prompts.withdraw(parts.of);
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
