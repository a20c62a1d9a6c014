import { HoldfastError } from "../errors.ts";

/** The number of the bot, a colon, and the secret (https://core.telegram.org/bots/api#authorizing-your-bot). */
const tokenPattern = /^\d{1,20}:[\w-]{1,200}$/;

/** The token as it is. Throws TOKEN_MALFORMED, which does not repeat it. */
export function botTokenIn(text: string): string {
  if (tokenPattern.test(text)) return text;
  throw new HoldfastError({
    code: "TOKEN_MALFORMED",
    message: "That is no token of a bot; nothing was changed.",
    next: "Give it as @BotFather shows it: the bot's number, a colon and 35 letters.",
  });
}
