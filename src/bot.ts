/** The imports of a bot author: `import { defineBot } from "holdfast/bot"`. */
export { defineBot, type BotDefinition } from "./bots/define-bot.ts";
export { HoldfastError } from "./errors.ts";
export type {
  Bot,
  BotState,
  ChosenItem,
  StaleReason,
  Turn,
  TurnFrom,
  TurnInput,
} from "./ports/conversation/bot.ts";
export type { BotLog, BotLogLevel, BotLogLine } from "./ports/conversation/bot-log.ts";
export type { Media } from "./ports/telegram/media.ts";
export type {
  MenuChoice,
  ProgressUpdate,
  StoredMessage,
  StoredToolOutput,
  UserContext,
} from "./ports/conversation/conversation-store.ts";
