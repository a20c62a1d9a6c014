import { runHere } from "../../../src/conversation/turns/bot-here.ts";
import { describeBotRunner } from "../../contracts/bot-runner.ts";
import bot from "../../fixtures/bots/contract-bot.ts";

describeBotRunner("in this process", async () => ({
  runner: runHere(bot),
  close: () => undefined,
}));
