import { HoldfastError } from "../errors.ts";

type With<Field extends string> = Readonly<Partial<Record<NoInfer<Field>, unknown>>>;

/** A text of a command's body. Throws `missing`, by default COMMAND_MALFORMED. */
export function textIn<Field extends string>(
  body: With<Field>,
  field: Field,
  missing: (field: string) => HoldfastError = textMissing,
): string {
  const value = body[field];
  if (typeof value === "string" && value !== "") return value;
  throw missing(field);
}

/** A number of a command's body, which its schema has looked at; null where the field is missing. */
export function numberIn<Field extends string>(body: With<Field>, field: Field): number | null {
  const value = body[field];
  return typeof value === "number" ? value : null;
}

/** One of a few texts; `byDefault` where the field is missing. Throws COMMAND_MALFORMED. */
export function choiceIn<Field extends string, Choice extends string>(
  body: With<Field>,
  field: Field,
  choices: readonly Choice[],
  byDefault: Choice,
): Choice {
  const value = body[field] ?? byDefault;
  const choice = choices.find((one) => one === value);
  if (choice !== undefined) return choice;
  throw new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `There is no ${field} ${JSON.stringify(value)}; known are: ${choices.join(", ")}. Nothing was changed.`,
    next: `Give one of them as "${field}", or leave it out for ${byDefault}.`,
  });
}

const textMissing = (field: string) =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `The command needs "${field}" as a text; nothing was changed.`,
    next: `Send JSON such as {"${field}": "…"}.`,
  });
