import "./keep-private.ts";
import { existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { factsOf } from "../adapters/bots/error-facts.ts";
import { loadBot } from "../adapters/bots/load-bot.ts";
import { botSays } from "../adapters/bots/messages.ts";
import { confine } from "../bot-process/confine.ts";
import { watchSyntax } from "../bot-process/syntax-place.ts";
import { openNodePipe, serveTurns } from "../bot-process/serve.ts";

/** Runs one bot's handlers for a node: adapters/bots/bot-process.ts starts it. */
const [, , file = ""] = process.argv;
const folder = folderOf(file);
const node = openNodePipe();
confine();

function folderOf(path: string): string {
  return dirname(existsSync(path) ? realpathSync(path) : path);
}

function unusable(error: unknown): void {
  node.sayLast([botSays.unusable, factsOf(error, folder)]);
  process.exit(1);
}

process.once("uncaughtException", unusable);
const givePlace = watchSyntax();
try {
  const bot = await loadBot(file);
  process.off("uncaughtException", unusable);
  serveTurns(bot, folder, node);
  const { name, alsoAnswers = [], hearsUndeliverable } = bot;
  node.say([botSays.ready, { name, alsoAnswers, hearsUndeliverable: hearsUndeliverable === true }]);
} catch (error) {
  givePlace(error);
  unusable(error);
}
