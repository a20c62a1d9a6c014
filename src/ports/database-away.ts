import { HoldfastError } from "../errors.ts";

const codes: ReadonlySet<string> = new Set(["DATABASE_UNAVAILABLE", "DATABASE_REFUSES"]);

/** What the database says of itself, whatever it was asked: it is away, or refuses everything for now. */
export const isDatabaseAway = (error: unknown): boolean =>
  error instanceof HoldfastError && codes.has(error.code);
