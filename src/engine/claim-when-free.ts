import type { GrantRef } from "../ports/gate.ts";
import type { SlotRef } from "../ports/token-store.ts";
import type { AccountWorld } from "./account-world.ts";
import { faultReason } from "./fault-reason.ts";

/** The token as soon as it is free; null when the state is left first. What fails is tried again after a moment. */
export async function claimWhenFree(
  world: AccountWorld,
  ref: SlotRef,
  signal: AbortSignal,
): Promise<GrantRef | null> {
  while (!signal.aborted) {
    try {
      const grant = await claimOrWait(world, ref, signal);
      if (grant !== null) return grant;
    } catch (error) {
      noteRetry(world, error);
      await pause(world, signal);
    }
  }
  return null;
}

/** The token if it is free now; null after a wait for it to become free, which `signal` ends. */
export async function claimOrWait(
  { claims }: AccountWorld,
  ref: SlotRef,
  signal: AbortSignal,
): Promise<GrantRef | null> {
  const looked = new AbortController();
  // Listens before it looks, so that news in between are not missed.
  const freed = claims.untilFree(ref, AbortSignal.any([signal, looked.signal]));
  try {
    const grant = await claims.claim(ref);
    if (grant === null) await freed;
    return grant;
  } finally {
    looked.abort();
  }
}

/** Says that something failed and will be tried again by itself. */
export function noteRetry({ account, events }: AccountWorld, error: unknown): void {
  const { message } = faultReason(error);
  events.report({ type: "note", account, code: "WILL_TRY_AGAIN", message });
}

/** Resolves after the retry interval, or as soon as the state is left. */
export function pause(
  world: AccountWorld,
  signal: AbortSignal,
  delayMs = world.timings.tidyRetryMs,
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = world.clock.schedule(delayMs, resolve);
    signal.addEventListener("abort", () => (cancel(), resolve()), { once: true });
  });
}
