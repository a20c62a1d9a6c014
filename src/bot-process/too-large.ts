import { lineCharactersMax } from "../adapters/bots/messages.ts";
import { HoldfastError } from "../errors.ts";

/** Of the JSON in a line: kind and numbers stand before it. */
const charactersMax = lineCharactersMax - 100;

/** @throws HoldfastError BOT_ANSWER_TOO_LARGE */
export function refuseTooLarge(json: string): void {
  if (json.length <= charactersMax) return;
  throw new HoldfastError({
    code: "BOT_ANSWER_TOO_LARGE",
    message: `The turn asked for ${json.length} characters of JSON together, and may ask for ${charactersMax}.`,
    next: "Keep less in the state, the context, the tool outputs and the outcomes of steps.",
  });
}
