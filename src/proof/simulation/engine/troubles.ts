/** What a trouble holds up: the taking of messages, the sending of replies, or both. */
export type Leg = "take" | "reply";

interface Trouble {
  /** null: every account. */
  readonly account: string | null;
  readonly legs: readonly Leg[];
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Times at which something was wrong: waiting meanwhile is no fault of the engine. */
export interface Troubles {
  add(of: {
    readonly account?: string;
    readonly legs?: readonly Leg[];
    readonly fromMs: number;
    readonly untilMs: number;
  }): void;
  /** Milliseconds between two times in which nothing was wrong. */
  healthyMs(account: string, leg: Leg, fromMs: number, untilMs: number): number;
}

export function createTroubles(): Troubles {
  const all: Trouble[] = [];
  return {
    add({ account = null, legs = ["take", "reply"], fromMs, untilMs }) {
      all.push({ account, legs, fromMs, untilMs });
    },
    healthyMs(account, leg, fromMs, untilMs) {
      let healthy = 0;
      let at = fromMs;
      const mine = all
        .filter((one) => one.legs.includes(leg))
        .filter((one) => one.account === null || one.account === account)
        .toSorted((a, b) => a.fromMs - b.fromMs);
      for (const one of mine) {
        if (one.untilMs <= at) continue;
        if (one.fromMs >= untilMs) break;
        healthy += Math.max(0, one.fromMs - at);
        at = Math.max(at, one.untilMs);
      }
      return healthy + Math.max(0, untilMs - at);
    },
  };
}
