import type { Account } from "../accounts/account.ts";
import { HoldfastError } from "../errors.ts";
import type { TelegramFault } from "../ports/telegram/telegram.ts";
import { TelegramError } from "../ports/telegram/telegram-error.ts";

/** Telegram's refusals in words of this project; an unknown outcome is called so. */
export async function told<Result>(
  account: Pick<Account, "name">,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TelegramError)) throw error;
    const { code, kind, waitSeconds } = error.fault;
    throw new HoldfastError({
      code,
      message: messageOf(error.fault),
      next: nextAfter(error.fault, account.name),
      policy: kind === "refused" ? "terminal" : "retryable",
      waitSeconds,
      cause: error,
    });
  }
}

function messageOf({ code, kind, message, asked }: TelegramFault): string {
  if (asked === false) return `The call was not made: ${code} (${message}).`;
  if (kind === "unknown") return `It is not known whether Telegram did it (${code}: ${message}).`;
  // What cannot be written, or is too long, never reached Telegram.
  if (unsent.test(message)) return `The call was not made: ${code} (${message}).`;
  return `Telegram refused: ${code} (${message}).`;
}

const unsent = /^nothing was sent/;

function nextAfter({ code, kind, message, waitSeconds }: TelegramFault, account: string): string {
  if (kind === "flood") return `Wait ${waitSeconds ?? "some"} s, then try again.`;
  if (kind === "unknown") {
    return "Send the same again with the same --key: it is delivered at most once.";
  }
  if (unsent.test(message)) {
    return 'Write the parameters as the method\'s definition has them: fields in camel case, 64-bit numbers as {"$long": "…"}.';
  }
  if (code === "BOT_METHOD_INVALID") {
    return "Telegram does not let bots do this; what a bot was told stands in: npx holdfast conversation list";
  }
  return `Look at the account with: npx holdfast status ${account}`;
}
