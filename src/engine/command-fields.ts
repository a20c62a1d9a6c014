import { HoldfastError } from "../errors.ts";

/** A text of a command's body. Throws COMMAND_MALFORMED. */
export function textIn(body: Readonly<Record<string, unknown>>, field: string): string {
  const value = body[field];
  if (typeof value === "string" && value !== "") return value;
  throw new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `The command needs "${field}" as a text; nothing was changed.`,
    next: `Send JSON such as {"${field}": "…"}.`,
  });
}

/** One of a few texts; `byDefault` where the field is missing. Throws COMMAND_MALFORMED. */
export function choiceIn<Choice extends string>(
  body: Readonly<Record<string, unknown>>,
  field: string,
  choices: readonly Choice[],
  byDefault: Choice,
): Choice {
  const value = body[field] ?? byDefault;
  const choice = choices.find((one) => one === value);
  if (choice !== undefined) return choice;
  throw new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `There is no ${field} ${JSON.stringify(value)}; known are: ${choices.join(", ")}. Nothing was changed.`,
  });
}
