import type { Clock } from "../../concurrency/clock.ts";
import type { InboundDelivery } from "../../ports/conversation/inbound-stream.ts";
import type { Brake } from "./brake.ts";
import type { TurnLanes } from "./lanes.ts";

export interface BrakeRestsOptions {
  readonly brake: Brake | undefined;
  readonly clock: Pick<Clock, "schedule">;
  readonly lanes: TurnLanes;
  /** A delivery may take its turn again. */
  onOver(): void;
}

/** Deliveries taken off the lanes until their conversations may go on. Each holds its lane, and no turn. */
export interface BrakeRests {
  /** Whether a delivery that was just taken off its lane must rest; then it comes back by itself. */
  rests(delivery: InboundDelivery): boolean;
  /** Puts everything back on its lane at once. */
  end(): void;
  readonly size: number;
}

export function createBrakeRests({ brake, clock, lanes, onOver }: BrakeRestsOptions): BrakeRests {
  const resting = new Map<InboundDelivery, () => void>();

  return {
    rests(delivery) {
      const restMs = brake?.restMs(delivery.item) ?? 0;
      if (restMs <= 0) return false;
      const cancel = clock.schedule(restMs, () => {
        resting.delete(delivery);
        lanes.add(delivery);
        lanes.leave(delivery);
        onOver();
      });
      resting.set(delivery, cancel);
      return true;
    },
    end() {
      for (const [delivery, cancel] of resting) {
        cancel();
        lanes.add(delivery);
      }
      resting.clear();
    },
    get size() {
      return resting.size;
    },
  };
}
