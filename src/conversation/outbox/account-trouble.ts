import type { Clock } from "../../concurrency/clock.ts";

/** A refusal that perhaps concerns the whole account. */
export interface Trouble {
  readonly chat: string;
  /** As the other side said; null: it said nothing. */
  readonly waitMs: number | null;
}

/**
 * Tells one chat's trouble from the account's. A chat that alone meets a refusal holds up itself. When a second chat
 * meets one before any reply has been sent, the account is meant.
 */
export interface AccountTrouble {
  /** null: it is the chat's own. Else how long the account is to rest, and whether the other side has said so. */
  met(trouble: Trouble): { readonly restMs: number; readonly isTold: boolean } | null;
  /** A reply was sent: the account is well. */
  sent(): void;
  /** The account has rested and nothing was sent since: one reply at a time tries whether it may again. */
  readonly isDoubtful: boolean;
}

export interface AccountTroubleLimits {
  /** How long a chat's refusal is remembered where the other side names no time. */
  readonly rememberedMs: number;
  /** The account's first rest where the other side names no time; doubles. */
  readonly restMs: number;
  readonly restMsMax: number;
}

export function createAccountTrouble(
  limits: AccountTroubleLimits,
  clock: Pick<Clock, "monotonicMs">,
): AccountTrouble {
  let first: { readonly chat: string; readonly untilMs: number } | null = null;
  let rests = 0;

  return {
    met({ chat, waitMs }) {
      const nowMs = clock.monotonicMs();
      const isKnown = first !== null && first.untilMs > nowMs;
      const isSecond = isKnown && first?.chat !== chat;
      if (!isSecond && rests === 0) {
        if (!isKnown) first = { chat, untilMs: nowMs + (waitMs ?? limits.rememberedMs) };
        return null;
      }
      const restMs = waitMs ?? Math.min(limits.restMs * 2 ** rests, limits.restMsMax);
      if (waitMs === null) rests += 1;
      first = null;
      return { restMs, isTold: waitMs !== null };
    },
    sent() {
      first = null;
      rests = 0;
    },
    get isDoubtful() {
      return rests > 0;
    },
  };
}
