import type { Bot } from "../../ports/conversation/bot.ts";
import type { BotPlace, BotRunner } from "../../ports/conversation/bot-runner.ts";
import { createTurnDraft } from "./draft.ts";

/** Runs a bot's handlers in this process: for a bot that this program brings along, and for tests of bots. */
export function runHere(bot: Bot): BotRunner {
  const here: BotPlace = {
    run(turn) {
      const draft = createTurnDraft(turn);
      try {
        const handled = bot.handle(draft.turn);
        const answer =
          handled === undefined ? draft.seal() : Promise.resolve(handled).then(draft.seal);
        return { answer, end: draft.end };
      } catch (error) {
        draft.end(error);
        throw error;
      }
    },
  };
  return {
    name: bot.name,
    alsoAnswers: bot.alsoAnswers ?? [],
    hearsUndeliverable: bot.hearsUndeliverable === true,
    place: () => here,
  };
}
