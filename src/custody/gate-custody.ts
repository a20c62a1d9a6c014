import type { FleetBus } from "../ports/fleet-bus.ts";
import type { GrantRef } from "../ports/gate.ts";
import type { HostLease } from "./host-lease.ts";
import type { LeaseDeadline } from "./lease-deadline.ts";

export interface GateCustodyOptions {
  readonly incarnation: string;
  readonly host: string;
  readonly bus: Pick<FleetBus, "tell" | "onFence">;
  readonly lease: Pick<HostLease, "setServing" | "latch">;
  readonly deadline: Pick<LeaseDeadline, "latch">;
  /** RST to one grant's sockets; resolves with none left. */
  cut(grant: GrantRef): Promise<void>;
  /** RST to every socket; answers all grants that were announced, none of which will ever dial again. */
  cutAll(): Promise<readonly GrantRef[]>;
  /** Runs `task` after what was answered has left this process. */
  afterAnswer(task: () => void): void;
}

/** What a gate promises to the rest of the fleet. */
export interface GateCustody {
  /** Cuts everything and tells the fleet, which may take it over at once. The incarnation goes on. */
  letGo(): Promise<void>;
  /** After the lease is over: cuts everything and tells the fleet, which need not wait for T_take then. */
  end(): Promise<void>;
  stop(): void;
}

/** Answers fences: the promise is kept before the answer leaves. */
export function createGateCustody(options: GateCustodyOptions): GateCustody {
  const { incarnation, bus, lease, deadline } = options;
  const stop = bus.onFence(incarnation, async (request) => {
    if (request.type === "token") return options.cut(request.grant);
    deadline.latch();
    await options.cutAll();
    options.afterAnswer(() => lease.latch("another host asked this one to end"));
  });
  return {
    async letGo() {
      lease.setServing(false);
      const grants = await options.cutAll();
      bus.tell({ type: "let-go", incarnation, grants });
    },
    async end() {
      await options.cutAll();
      bus.tell({ type: "ended", incarnation, host: options.host });
    },
    stop,
  };
}
