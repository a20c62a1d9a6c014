import type { Clock } from "../concurrency/clock.ts";
import type { FenceRequest, FleetBus } from "../ports/custody/fleet-bus.ts";
import type { GrantRef } from "../ports/custody/gate.ts";
import type { Signer } from "../ports/custody/signatures.ts";
import type { HostLease } from "./host-lease.ts";
import type { LeaseDeadline } from "./lease-deadline.ts";
import { endedText, fencedText, letGoText } from "./signed-statements.ts";

export interface GatePromisesOptions {
  readonly signer: Signer;
  readonly host: string;
  readonly bus: Pick<FleetBus, "tell" | "onFence">;
  readonly lease: Pick<HostLease, "setServing" | "latch">;
  readonly deadline: Pick<LeaseDeadline, "latch">;
  /** RST to one grant's sockets; resolves with none left. */
  cut(grant: GrantRef): Promise<void>;
  /** RST to every socket. Answers every grant that a dial was asked under; none of them will ever dial again. */
  cutAll(): Promise<readonly GrantRef[]>;
  /** Keeps the signed word that all is over where a successor on this machine finds it. */
  keepWord(signature: string): void;
  readonly clock: Clock;
  /**
   * Let-go grants are announced again at this interval while no node serves here, in milliseconds.
   */
  readonly tellAgainMs: number;
  /** Runs `task` after the answer has left this process. */
  afterAnswer(task: () => void): void;
}

/** A gate's promises to the rest of the fleet. */
export interface GatePromises {
  /** Whether the node of this gate takes accounts. */
  setServing(serving: boolean): void;
  /** Cuts everything and tells the fleet, which may take it over at once. The incarnation goes on. */
  letGo(): Promise<void>;
  /**
   * Cuts everything, ends the lease's time, and tells the fleet and a later gate of this machine. Neither need wait
   * for T_take then.
   */
  end(): Promise<void>;
  stop(): void;
}

/** Answers fences: the promise is kept before the answer leaves. */
export function createGatePromises(options: GatePromisesOptions): GatePromises {
  const { signer, host, bus, lease, deadline } = options;
  const { incarnation } = signer;
  const stop = bus.onFence(incarnation, async (request) => {
    await obey(request);
    return signer.sign(fencedText(incarnation, request));
  });

  async function obey(request: FenceRequest): Promise<void> {
    if (request.type === "token") return options.cut(request.grant);
    deadline.latch();
    await options.cutAll();
    options.afterAnswer(() => lease.latch("another host asked this one to end"));
  }
  let cancelTelling = () => {};

  /**
   * Repeats the news: it may be lost, its readers may have been away, and only this gate knows of
   * the cut.
   */
  function tell(grants: readonly GrantRef[]): void {
    cancelTelling();
    if (grants.length === 0) return;
    const news = { type: "let-go", incarnation, grants } as const;
    const signed = { ...news, signature: signer.sign(letGoText(news)) };
    const say = () => {
      bus.tell(signed);
      cancelTelling = options.clock.schedule(options.tellAgainMs, say);
    };
    say();
  }

  return {
    setServing(serving) {
      // The next node of this gate itself gives back the tokens of the last one.
      if (serving) cancelTelling();
      lease.setServing(serving);
    },
    async letGo() {
      lease.setServing(false);
      tell(await options.cutAll());
    },
    async end() {
      await options.cutAll();
      deadline.latch();
      const news = { type: "ended", incarnation, host } as const;
      const signature = signer.sign(endedText(news));
      options.keepWord(signature);
      bus.tell({ ...news, signature });
    },
    stop() {
      cancelTelling();
      stop();
    },
  };
}
