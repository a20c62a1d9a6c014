import type { Clock } from "../../concurrency/clock.ts";

/** A token bucket: so many at once, then so many each second. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** How fast an account may send, and how fast to one chat. */
export interface ReplyPace {
  readonly account: Rate;
  readonly chat: Rate;
}

/** Keeps to a pace before the other side has to ask for it. */
export interface Pacing {
  /** Until the account may send, milliseconds; 0: now. */
  accountWaitMs(): number;
  /** The same of one chat. */
  chatWaitMs(chat: string): number;
  /** A reply sets out. */
  spend(chat: string): void;
}

/** Without a pace everything may go at once. */
export const unpaced: Pacing = {
  accountWaitMs: () => 0,
  chatWaitMs: () => 0,
  spend: () => {},
};

/** Full buckets are forgotten as soon as there are this many. */
const bucketsMax = 1000;

/**
 * A bucket is one number: the time at which it will be full again
 * (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
 */
export function createPacing(
  { account, chat: chatRate }: ReplyPace,
  clock: Pick<Clock, "monotonicMs">,
): Pacing {
  const fullAtMs = new Map<string, number>();
  let accountFullAtMs = 0;
  let sweepAt = bucketsMax;

  const everyMs = ({ perSecond }: Rate) => 1000 / perSecond;

  const waitMs = (rate: Rate, fullMs: number): number =>
    Math.max(0, Math.ceil(fullMs - clock.monotonicMs() - (rate.burst - 1) * everyMs(rate)));

  function sweep(): void {
    const nowMs = clock.monotonicMs();
    for (const [chat, fullMs] of fullAtMs) if (fullMs <= nowMs) fullAtMs.delete(chat);
    sweepAt = Math.max(bucketsMax, fullAtMs.size * 2);
  }

  return {
    accountWaitMs: () => waitMs(account, accountFullAtMs),
    chatWaitMs: (chat) => waitMs(chatRate, fullAtMs.get(chat) ?? 0),
    spend(chat) {
      const nowMs = clock.monotonicMs();
      accountFullAtMs = Math.max(nowMs, accountFullAtMs) + everyMs(account);
      fullAtMs.set(chat, Math.max(nowMs, fullAtMs.get(chat) ?? 0) + everyMs(chatRate));
      if (fullAtMs.size > sweepAt) sweep();
    },
  };
}
