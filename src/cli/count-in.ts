import { HoldfastError } from "../errors.ts";

/** A count that a person typed. Throws OPTION_MALFORMED for anything but a whole number from 1 on. */
export function countIn(option: string, typed: string): number {
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed);
  throw new HoldfastError({
    code: "OPTION_MALFORMED",
    message: `${option} ${JSON.stringify(typed.slice(0, 40))} is no count; nothing was asked.`,
    next: `Give a whole number from 1 on, such as ${option} 20.`,
  });
}
