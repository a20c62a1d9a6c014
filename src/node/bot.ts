import { loadBot, watchBot } from "../adapters/bots/load-bot.ts";
import { createSiteManagerBot } from "../bots/site-manager/site-manager-bot.ts";
import type { Config } from "../config/config.ts";
import type { Bot } from "../ports/conversation/bot.ts";

/** The bot that answers for the accounts of this node: the author's own, or the example. */
export async function nodeBot(
  { bot, profile }: Pick<Config, "bot" | "profile">,
  tell: (line: string) => void,
): Promise<Bot> {
  if (bot === null) return createSiteManagerBot();
  if (profile === "production") return loadBot(bot);
  return (await watchBot(bot, tell)).bot;
}
