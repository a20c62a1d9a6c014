import { refused } from "../../ports/telegram/telegram-error.ts";
import type { SignInParts } from "./sign-in-parts.ts";

/** Logs a bot in by its token. Rejects with NOT_A_BOT for a user, else with Telegram's refusal. */
export async function byBotToken({ client, credentials }: SignInParts): Promise<void> {
  if (credentials.kind !== "bot") throw refused("NOT_A_BOT", "only bots have a token");
  await client.signInBot(credentials.token);
}
