import type { Clock } from "../../../concurrency/clock.ts";
import { errorLine } from "../../../errors.ts";
import type { EventSink } from "../../../ports/accounts/event-sink.ts";
import type { ParkedStore } from "../../../ports/conversation/parked-store.ts";
import { HeldDelivery, type HeldItem } from "./item.ts";

export interface RestsOptions {
  readonly clock: Pick<Clock, "schedule">;
  readonly events: EventSink;
  readonly signal: AbortSignal;
  readonly keep: ParkedStore["keep"];
  readonly partition: number;
  /** Takes its turn again. */
  again(item: HeldItem): void;
  giveBack(item: HeldItem): void;
}

/** Items that were handed on and wait for a time, in memory: for another turn, or until they can be parked. */
export interface Rests {
  rest(item: HeldItem, delayMs: number): void;
  /**
   * Parks it. Where that fails, it is tried again after a rest that doubles, and the handler does not run for it
   * meanwhile. Resolves after the first try; never rejects.
   */
  park(item: HeldItem, reason: string): Promise<void>;
  /** Gives everything back. */
  stop(): void;
}

const parkDelayMs = 500;
const parkDelayMsMax = 30_000;

export function createRests(options: RestsOptions): Rests {
  const { clock, signal, partition } = options;
  const waiting = new Map<HeldItem, () => void>();

  function wait(item: HeldItem, delayMs: number, then: () => void): void {
    if (signal.aborted) return options.giveBack(item);
    const cancel = clock.schedule(delayMs, () => {
      waiting.delete(item);
      then();
    });
    waiting.set(item, cancel);
  }

  /** Never rejects. */
  async function park(item: HeldItem, reason: string, tries: number): Promise<void> {
    try {
      await options.keep({
        // A stream that was made anew counts from the beginning.
        source: `${partition}:${item.position}:${item.inboundId}`,
        data: item.text,
        item: item instanceof HeldDelivery ? item.item : null,
        reason,
      });
      item.done();
    } catch (error) {
      if (tries === 0) noteUnparked(item, error);
      wait(item, Math.min(parkDelayMs * 2 ** tries, parkDelayMsMax), () => {
        void park(item, reason, tries + 1);
      });
    }
  }

  const noteUnparked = ({ user, inboundId }: HeldItem, error: unknown) =>
    options.events.report({
      type: "note",
      account: user.key.account,
      code: "PARKING_DELAYED",
      message: `inbound ${inboundId} cannot be set aside now and is kept until it can: ${errorLine(error)}`,
    });

  return {
    rest: (item, delayMs) => wait(item, delayMs, () => options.again(item)),
    park: (item, reason) => park(item, reason, 0),
    stop() {
      for (const [item, cancel] of waiting) {
        cancel();
        options.giveBack(item);
      }
      waiting.clear();
    },
  };
}
