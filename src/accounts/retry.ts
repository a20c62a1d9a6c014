import { wait } from "../concurrency/wait.ts";
import type { AccountWorld } from "./context.ts";
import { faultReason } from "../ports/telegram/telegram-error.ts";

/** What a rest before another try needs of an account. */
export type RestContext = Pick<AccountWorld, "account" | "events" | "clock"> & {
  readonly timings: Pick<AccountWorld["timings"], "tidyRetryMs">;
};

/**
 * Says that something failed and will be tried again by itself; resolves when it is time for that, or `signal`
 * aborts.
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
