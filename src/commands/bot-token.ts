import { HoldfastError } from "../errors.ts";
import { readBotToken } from "../inputs/bot-token.ts";

/** As `readBotToken`. Throws TOKEN_MALFORMED, which does not repeat it. */
export function botTokenIn(text: string): string {
  const token = readBotToken(text);
  if (token !== null) return token;
  throw new HoldfastError({
    code: "TOKEN_MALFORMED",
    message: "That is no token of a bot; nothing was changed.",
    next: "Give it as @BotFather shows it: the bot's number, a colon and 35 letters.",
  });
}
