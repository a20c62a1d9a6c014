import { createSiteManagerBot } from "../../bots/site-manager/site-manager-bot.ts";
import type { Bot } from "../../ports/conversation/bot.ts";
import { counterVariable, pidHeader } from "./counter.ts";

/** The pid of the node, whose end explains a call that is made again. */
const node = process.ppid;
const siteManager = createSiteManagerBot();

/** The example bot, which also says each numbered message back, once a server has counted it: `#7` for `#7`. */
const countingBot: Bot = {
  name: "counting",
  async handle(turn) {
    const { input, session, id } = turn;
    if (input.kind !== "text" || !/^#\d+$/.test(input.text)) return siteManager.handle(turn);
    await turn.step("count", async () => {
      const answer = await fetch(process.env[counterVariable]!, {
        method: "POST",
        headers: { "idempotency-key": id, [pidHeader]: String(node) },
        body: `${session.id} ${input.text}`,
        signal: turn.signal,
      });
      return answer.text();
    });
    turn.reply(input.text);
  },
};

// A bot is what its file exports by default.
// oxlint-disable-next-line import/no-default-export
export default countingBot;
