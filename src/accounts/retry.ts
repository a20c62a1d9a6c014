import { wait } from "../concurrency/wait.ts";
import type { AccountWorld } from "./context.ts";
import { faultReason } from "../ports/telegram/telegram-error.ts";

/** The parts of an account that a rest before a retry needs. */
export type RestContext = Pick<AccountWorld, "account" | "events" | "clock"> & {
  readonly timings: Pick<AccountWorld["timings"], "tidyRetryMs">;
};

/** A retry comes later each time, up to this many rests. */
const restsMax = 8;

/**
 * Reports a failure that will be retried. Resolves when the retry is due, or when `signal` aborts. `tries`: how many
 * have failed in a row; each further one doubles the rest, up to eightfold.
 */
export function restAfter(
  { account, events, clock, timings }: RestContext,
  error: unknown,
  signal: AbortSignal,
  tries = 1,
): Promise<void> {
  const { message } = faultReason(error);
  events.report({ type: "note", account, code: "WILL_TRY_AGAIN", message });
  return wait(clock, timings.tidyRetryMs * Math.min(2 ** (tries - 1), restsMax), signal);
}
