import type { AccountWorld } from "./context.ts";
import type { OnRaising } from "../custody/claims.ts";
import { HoldfastError } from "../errors.ts";
import type { Gate, GrantRef } from "../ports/custody/gate.ts";
import type { SlotRef, TokenStore } from "../ports/custody/token-store.ts";
import { type RestContext, restAfter } from "./retry.ts";

/** How one account gets its tokens and gives them back. */
export interface Grants {
  /** Takes the token if it is free now. Throws SLOT_BUSY, and the errors of the stores. */
  claim(ref: SlotRef): Promise<GrantRef>;
  /**
   * Takes the token as soon as it is free. null: `signal` aborted first. Failures are retried after
   * a moment.
   */
  seek(ref: SlotRef, signal: AbortSignal, onRaising?: OnRaising): Promise<GrantRef | null>;
  /**
   * The token, if it is free now; null after a wait for it to become free, which `signal` ends. Throws as the stores.
   */
  seekOrWait(ref: SlotRef, signal: AbortSignal): Promise<GrantRef | null>;
  /**
   * Cuts with proof, then frees the token. If its epoch has moved on, the token is left alone.
   * Throws the errors of the gate and the stores, and that of `after`; safe to repeat.
   */
  free(grant: GrantRef, how?: Freeing): Promise<void>;
  /** Frees every token that the account still holds under this incarnation. Throws as `free`; safe to repeat. */
  freeAll(): Promise<void>;
}

export interface Freeing {
  /** Every request under the grant was answered. */
  readonly idle: boolean;
  /** What still writes under the grant: it is cut meanwhile, and its token is given back afterwards. */
  readonly after?: Promise<unknown>;
  /** Left to the next holder of the token. */
  readonly serverSalt?: string | null;
}

/** The parts of an account, its host and its stores that concern tokens. */
export interface GrantsContext extends RestContext {
  readonly claims: Pick<AccountWorld["claims"], "claim" | "untilFree" | "freed">;
  readonly tokens: Pick<TokenStore, "released" | "heldBy">;
  readonly gate: Pick<Gate, "incarnation" | "cut">;
}

export function createGrants(context: GrantsContext): Grants {
  const { account, claims, tokens, gate } = context;

  async function seekOrWait(
    ref: SlotRef,
    signal: AbortSignal,
    onRaising?: OnRaising,
  ): Promise<GrantRef | null> {
    const looked = new AbortController();
    // Listens before it looks, so that news in between are not missed.
    const freed = claims.untilFree(ref, AbortSignal.any([signal, looked.signal]));
    try {
      const grant = await claims.claim(ref, onRaising);
      if (grant === null) await freed;
      return grant;
    } finally {
      looked.abort();
    }
  }

  async function free(
    grant: GrantRef,
    { idle, after, serverSalt }: Freeing = { idle: false },
  ): Promise<void> {
    await Promise.all([gate.cut(grant, { idle }), after]);
    const releasing = tokens.released(grant, serverSalt);
    releasing.catch(() => undefined);
    // The news is on its way for longer than this write, which waits for no disk. Who asks before it is told again.
    claims.freed(grant);
    await releasing;
    claims.freed(grant);
  }

  return {
    async claim(ref) {
      const grant = await claims.claim(ref);
      if (grant === null) throw slotBusy(ref);
      return grant;
    },
    async seek(ref, signal, onRaising) {
      while (!signal.aborted) {
        try {
          const grant = await seekOrWait(ref, signal, onRaising);
          if (grant !== null) return grant;
        } catch (error) {
          await restAfter(context, error, signal);
        }
      }
      return null;
    },
    seekOrWait: (ref, signal) => seekOrWait(ref, signal),
    free,
    async freeAll() {
      for (const { slot, epoch } of await tokens.heldBy(gate.incarnation, account)) {
        await free({ account, slot, epoch });
      }
    },
  };
}

function slotBusy({ account, slot }: SlotRef): HoldfastError {
  return new HoldfastError({
    code: "SLOT_BUSY",
    message: `The token of ${account} slot ${slot} is held elsewhere.`,
    next: "See who holds it with: npx holdfast status",
    policy: "retryable",
  });
}
