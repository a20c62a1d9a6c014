import { createSiteManagerBot } from "../../bots/site-manager/site-manager-bot.ts";
import type { Bot } from "../../ports/conversation/bot.ts";

const siteManager = createSiteManagerBot();

/** The example bot, which also echoes every numbered message: `#7` for `#7`. */
const echoBot: Bot = {
  name: "echo",
  handle(turn) {
    const { input } = turn;
    if (input.kind !== "text" || !/^#\d+$/.test(input.text)) return siteManager.handle(turn);
    turn.reply(input.text);
  },
};

// A bot is what its file exports by default.
// oxlint-disable-next-line import/no-default-export
export default echoBot;
