import { HoldfastError } from "../../../src/errors.ts";
import type { Bot, TurnInput } from "../../../src/ports/bot.ts";

export const textOf = (input: TurnInput): string =>
  input.kind === "text" ? input.text : input.kind;

export const echo: Bot = { name: "echo", handle: (turn) => turn.reply(textOf(turn.input)) };

/** The store's error while the database does not answer. */
export const away = () =>
  new HoldfastError({
    code: "DATABASE_UNAVAILABLE",
    message: "The database does not answer.",
    policy: "retryable",
  });
