import type { Clock } from "../concurrency/clock.ts";
import type { FleetBus } from "../ports/custody/fleet-bus.ts";
import { inBatches } from "../concurrency/in-batches.ts";
import { wait } from "../concurrency/wait.ts";

export interface HandingAllOver {
  readonly names: readonly string[];
  /** Whether another host is there to take them. */
  readonly hasTakers: boolean;
  /** Accounts that go at the same time, at most. */
  readonly most: number;
  readonly bus: Pick<FleetBus, "onNews">;
  readonly clock: Clock;
  end(name: string): Promise<void>;
}

/** How long the next account waits for the one before it to be served elsewhere, in milliseconds. */
const settleMsMax = 250;
/** How long all of these waits together may make a stop, in milliseconds. */
const settleMsInAll = 5000;

/**
 * Hands over every account of a stopping host. Few go at a time, each once the one before is served
 * elsewhere. So each finds the hosts nearly idle and is away only briefly. With many accounts more
 * go at a time, so that all are gone in time.
 */
export async function handAllOver(handing: HandingAllOver): Promise<void> {
  const { names, bus, clock, most } = handing;
  const settleMs = handing.hasTakers ? Math.min(settleMsMax, settleMsInAll / names.length) : 0;
  const waiting = new Map<string, AbortController>();
  const stopNews = bus.onNews((news) => {
    if (news.type === "taken") waiting.get(news.account)?.abort();
  });
  try {
    await inBatches(names, Math.min(most, Math.ceil(names.length / 100)), async (name) => {
      const taken = new AbortController();
      waiting.set(name, taken);
      await handing.end(name);
      if (settleMs > 0) await wait(clock, settleMs, taken.signal);
      waiting.delete(name);
    });
  } finally {
    stopNews();
  }
}
