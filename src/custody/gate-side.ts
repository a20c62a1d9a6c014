import type { Clock } from "../concurrency/clock.ts";
import type { FleetBus } from "../ports/custody/fleet-bus.ts";
import type { GrantRef } from "../ports/custody/gate.ts";
import type { SharedRegister } from "../ports/custody/shared-register.ts";
import type { Signer } from "../ports/custody/signatures.ts";
import { createGatePromises } from "./gate-promises.ts";
import { createHostLease } from "./host-lease.ts";
import { createLeaseDeadline, type LeaseClocks } from "./lease-deadline.ts";
import type { LeaseValue } from "./registers.ts";
import { watchSoftStop } from "./soft-stop.ts";

/** The answer to a fence has left this process by then. */
const fencedMs = 50;
/** How long a gate that ends tries to say so. */
const sayEndedMsMax = 1000;

/** The sockets of a gate. */
export interface GateSockets {
  /** RST to one grant's sockets; resolves with none left. */
  cut(grant: GrantRef): Promise<void>;
  /** RST to every socket. Answers every grant that a dial was asked under; none of them will ever dial again. */
  cutAll(): Promise<readonly GrantRef[]>;
}

/** The node that a gate keeps as its child. */
export interface KeptNode {
  /** Does nothing after `stop` or `kill`. */
  start(): void;
  /** Whether calls to Telegram may begin. */
  allowCalls(allowed: boolean): void;
  /** Resolves when the node has handed everything over, or was ended because it took too long. */
  stop(): Promise<void>;
  /** Ends it at once, and for good. */
  kill(): void;
}

export interface GateSideOptions<Sockets extends GateSockets> {
  readonly host: string;
  readonly signer: Signer;
  readonly hosts: SharedRegister<LeaseValue>;
  readonly bus: Pick<FleetBus, "tell" | "onFence">;
  readonly clock: Clock;
  readonly clocks: LeaseClocks;
  /** Milliseconds, as the configuration names them. */
  readonly timings: {
    readonly heartbeatMs: number;
    readonly retryMs: number;
    readonly suspectMs: number;
    readonly holdMs: number;
    readonly softStopMs: number;
    readonly answerMs: number;
  };
  /** The channels that this host has settings for. */
  readonly channels?: readonly string[];
  /** How long to wait for another gate of this host to give its lease up, in milliseconds. */
  readonly waitMs: number;
  newNonce(): string;
  /** Keeps the signed word that all is over where a successor on this machine finds it. */
  keepWord(signature: string): void;
  /** Another gate of this host is waited for. */
  onWait(incarnation: string): void;
  /** `mayAct`: the lease stands; asked before each dial and each forwarded write. */
  openSockets(mayAct: () => boolean): Sockets;
  /** The lease is over and cannot come back; everything is being cut. */
  onLatched(why: string): void;
  /** Sends the news that has not left yet. */
  flush(): Promise<void>;
  /** The lease is over and all is cut and told, as far as one second allows: ends this process. May be called twice. */
  leave(): void;
}

/** A gate's side of custody: its sockets act only while its lease stands, and its node runs only under that lease. */
export interface GateSide<Sockets extends GateSockets> {
  readonly sockets: Sockets;
  /**
   * Takes the lease, waiting out a predecessor's; only then does the node start. Throws LEASE_HELD while another gate
   * renews it, with nothing left behind.
   */
  hold(node: KeptNode): Promise<void>;
  /** Whether the node takes accounts. */
  setServing(serving: boolean): void;
  /** Cuts everything and tells the fleet, which may take it over at once. The incarnation goes on. */
  letGo(): Promise<void>;
  /** This incarnation is over: cuts everything, tells the fleet, and leaves. */
  latch(why: string): void;
  /** Hands everything over, then gives the lease up. Ends a `hold` that still waits. */
  release(): Promise<void>;
  readonly figures: { readonly leaseRenewals: number; readonly leaseLeftMs: number };
}

/** Puts a gate's side together: deadline, lease, fences and soft stop, in production and in the simulation alike. */
export function createGateSide<Sockets extends GateSockets>(
  options: GateSideOptions<Sockets>,
): GateSide<Sockets> {
  const { host, signer, bus, clock, timings } = options;
  const deadline = createLeaseDeadline(options.clocks, timings.holdMs);
  const sockets = options.openSockets(deadline.isAlive);
  const lease = createHostLease({ ...options, deadline, onLatched });
  const promises = createGatePromises({
    signer,
    host,
    bus,
    lease,
    deadline,
    clock,
    tellAgainMs: timings.heartbeatMs,
    keepWord: options.keepWord,
    cut: sockets.cut,
    cutAll: sockets.cutAll,
    afterAnswer: (task) => void clock.schedule(fencedMs, task),
  });
  let node: KeptNode | null = null;
  let stopWatching = () => {};
  let released = false;

  function onLatched(why: string): void {
    node?.kill();
    options.onLatched(why);
    clock.schedule(sayEndedMsMax, options.leave);
    promises.end().then(options.flush).then(options.leave, options.leave);
  }

  async function release(): Promise<void> {
    released = true;
    lease.setServing(false);
    await node?.stop();
    // A host that sees the lease given up takes everything over at once.
    await promises.end();
    await lease.release();
    stopWatching();
    promises.stop();
  }

  return {
    sockets,
    async hold(kept) {
      node = kept;
      try {
        await lease.acquire();
      } catch (error) {
        await release();
        throw error;
      }
      if (released) return;
      stopWatching = watchSoftStop({
        leftMs: () => deadline.leftMs,
        timings,
        clock,
        onChange: kept.allowCalls,
      });
      kept.start();
    },
    setServing: promises.setServing,
    letGo: promises.letGo,
    latch: lease.latch,
    release,
    get figures() {
      return { leaseRenewals: lease.renewals, leaseLeftMs: deadline.leftMs };
    },
  };
}
