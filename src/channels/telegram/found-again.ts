import type { AccountUpdate } from "../../ports/telegram/telegram.ts";

export type Message = Extract<AccountUpdate, { kind: "message" }>;

/** What was read, and what could not be, in words. */
export interface ReadBack<Found> {
  readonly found: readonly Found[];
  readonly missing: readonly string[];
}
