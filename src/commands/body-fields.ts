import * as z from "zod";
import type { JsonObject } from "../ports/telegram/telegram.ts";
import { accountNamePattern, accountNameRule } from "../ports/accounts/account-name.ts";

/** The kinds of fields that a request may have. Each describes, for a person, the values that it takes. */

/** A text of 1 to so many characters. */
export const text = (lengthMax: number) =>
  z.string().min(1).max(lengthMax).describe(`a text of 1 to ${lengthMax} characters`);

/** A text that fits a pattern. */
export const textLike = (pattern: RegExp, what: string) => z.string().regex(pattern).describe(what);

/** A whole number, written as a number: text is never read as one. */
export const whole = (min: number, max: number) =>
  z.number().int().min(min).max(max).describe(`a whole number from ${min} to ${max}`);

/** Any number: its verb knows the rest of the rule. */
export const number = () => z.number().describe("a number");

/** true or false, and nothing that only looks like it. */
export const flag = () => z.boolean().describe("true or false");

/** One of a few texts. */
export const choice = <const Choices extends readonly [string, ...string[]]>(choices: Choices) =>
  z.enum(choices).describe(`one of: ${choices.join(", ")}`);

/** The name of an account. */
export const accountName = () => textLike(accountNamePattern, accountNameRule);

/** Parameters of a method of Telegram's: an object, as deep as a body may be. */
export const params = () =>
  z
    .custom<JsonObject>((value) => typeof value === "object" && !Array.isArray(value))
    .describe("an object such as {}");

/** A number of a row, as text. */
export const rowId = () => text(64);

/** A field that null empties. */
export const orNull = <Kind extends z.ZodType>(kind: Kind) =>
  kind.nullable().describe(`${ruleOf(kind)}, or null`);

/** A field that may be missing. */
export const maybe = <Kind extends z.ZodType>(kind: Kind) =>
  kind.exactOptional().describe(ruleOf(kind));

/** The values that a field takes, for a person. */
export const ruleOf = (kind: z.ZodType): string => kind.description ?? "a value of its kind";
