import { wait } from "../concurrency/wait.ts";
import type { AccountWorld } from "./context.ts";
import { faultReason } from "../ports/telegram/telegram-error.ts";

/** The parts of an account that a rest before a retry needs. */
export type RestContext = Pick<AccountWorld, "account" | "events" | "clock"> & {
  readonly timings: Pick<AccountWorld["timings"], "tidyRetryMs">;
};

/**
 * Reports a failure that will be retried. Resolves when the retry is due, or when `signal` aborts.
 */
export function restAfter(
  { account, events, clock, timings }: RestContext,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  const { message } = faultReason(error);
  events.report({ type: "note", account, code: "WILL_TRY_AGAIN", message });
  return wait(clock, timings.tidyRetryMs, signal);
}
