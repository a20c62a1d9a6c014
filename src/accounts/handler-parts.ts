import type { AccountWorld } from "./context.ts";
import type { ServingSlot } from "./serving-slot.ts";
import type { SideSlots } from "./login/authorise.ts";
import type { Grants } from "./grants.ts";
import { type RestContext, restAfter } from "./retry.ts";

/** Everything that the handlers of one account's lifecycle work with. */
export interface HandlerParts {
  readonly world: AccountWorld;
  readonly grants: Grants;
  readonly serving: ServingSlot;
  readonly sideSlots: SideSlots;
}

/**
 * Ends everything of the account under this incarnation: the serving client and every token that it
 * still holds. Each is cut with proof before its token is freed. Safe to repeat after a failure.
 */
export async function endEverything({
  serving,
  grants,
}: Pick<HandlerParts, "serving" | "grants">): Promise<void> {
  await serving.end();
  await grants.freeAll();
}

/**
 * Tries again, ever later, until it succeeds or `signal` aborts: safety work and records do not give up on a lost
 * database. Never rejects.
 */
export async function untilDone(
  context: RestContext,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  for (let tries = 1; !signal.aborted; tries += 1) {
    try {
      await work();
      return;
    } catch (error) {
      await restAfter(context, error, signal, tries);
    }
  }
}
