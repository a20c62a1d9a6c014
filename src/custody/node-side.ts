import type { Clock } from "../concurrency/clock.ts";
import type { FleetBus } from "../ports/custody/fleet-bus.ts";
import type { Gate } from "../ports/custody/gate.ts";
import type { IncarnationStore } from "../ports/custody/incarnation-store.ts";
import type { Signatures } from "../ports/custody/signatures.ts";
import type { SharedRegister } from "../ports/custody/shared-register.ts";
import type { SlotRef, TokenStore } from "../ports/custody/token-store.ts";
import { type Claims, createClaims } from "./claims.ts";
import { createCustodian, type Custodian, type CustodianOptions } from "./custodian.ts";
import { nextEra } from "./era.ts";
import { createFleetMembers, type FleetMembers } from "./fleet-members.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { type EraValue, type FloorValue, hostKey, type LeaseValue } from "./registers.ts";
import { createTakeover, type Takeover } from "./takeover.ts";
import { createTrustedBus, type TrustedBus, type Unproven } from "./trusted-bus.ts";

/** Accounts in handover for balance at the same time, and accounts that begin at the same time. */
const handoversMax = 8;
const beginsMax = 32;

export interface FleetRegisters {
  readonly hosts: SharedRegister<LeaseValue>;
  readonly floors: SharedRegister<FloorValue>;
  readonly fleet: SharedRegister<EraValue>;
}

export interface FleetPartOptions extends FleetRegisters {
  readonly bus: FleetBus;
  readonly signatures: Signatures;
  readonly incarnations: IncarnationStore;
  readonly tokens: TokenStore;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly timings: {
    readonly heartbeatMs: number;
    readonly suspectMs: number;
    readonly takeMs: number;
    readonly tenureMs: number;
  };
  newNonce(): string;
  /** This host must let go of everything and begin anew as another incarnation. */
  onEnd(why: string): void;
  /** Postgres is away while other hosts may reach it: everything held is to be given up; `false` when it is back. */
  onAway(away: boolean): void;
  onRestored(ref: SlotRef, floor: FloorValue): void;
  /** Something was said in an incarnation's name without its signature, and was ignored. */
  onUnproven(what: Unproven): void;
  readonly onTakeover: CustodianOptions["onTakeover"];
  readonly onFault: CustodianOptions["onFault"];
}

/** The custodian's demands on the accounts of this host. */
export type AccountKeeping = Pick<CustodianOptions, "names" | "begin" | "end" | "mayMove">;

/** A node's part in the fleet: its view of the other hosts, and the ways of tokens. */
export interface FleetPart {
  readonly members: FleetMembers;
  readonly bus: TrustedBus;
  readonly takeover: Takeover;
  readonly claims: Claims;
  makeCustodian(keeping: AccountKeeping): Custodian;
  /** Reads who is there. */
  start(): Promise<void>;
  /**
   * From now on Postgres is asked with each renewal of the lease; this host's incarnation must be recorded. The
   * returned function ends that: a host that leaves would otherwise read its own release as its end.
   */
  startBeats(): () => void;
  /** Resolves once the fleet sees that this host takes accounts. */
  untilServing(): Promise<void>;
  stop(): void;
}

export function createFleetPart(options: FleetPartOptions): FleetPart {
  const { hosts, floors, fleet, incarnations, tokens, gate, clock, timings, newNonce } = options;
  const { signatures, onUnproven } = options;
  const bus = createTrustedBus({ bus: options.bus, signatures, onUnproven });
  const { incarnation, host } = gate;
  const members = createFleetMembers({
    hosts,
    host,
    incarnation,
    signatures,
    clock,
    timings,
    onUnproven,
  });
  const takeover = createTakeover({
    hosts,
    store: incarnations,
    bus,
    signatures,
    promiseOf: members.promiseOf,
    clock,
    takeMs: timings.takeMs,
    newNonce,
  });
  const claims = createClaims({
    floors,
    tokens,
    bus,
    gate,
    takeover,
    clock,
    sweepMs: timings.suspectMs,
    newNonce,
    onRestored: options.onRestored,
  });
  let gaveUp = false;
  const heartbeat = createHeartbeat({
    store: incarnations,
    incarnation,
    clock,
    awayMs: timings.suspectMs,
    onEnded: options.onEnd,
    onRestored(why) {
      void nextEra(fleet, newNonce)
        .catch((error: unknown) => options.onFault("counting a restore of Postgres", error))
        .then(() => options.onEnd(`Postgres was restored from an older copy: ${why}`));
    },
    onAway(away) {
      const others = members.serving().some((key) => key !== hostKey(host));
      if (away ? !others : !gaveUp) return;
      gaveUp = away;
      options.onAway(away);
    },
  });

  let stopBeats = () => {};

  return {
    members,
    bus,
    takeover,
    claims,
    start: members.start,
    startBeats() {
      stopBeats = members.onOwnBeat(() => void heartbeat.beat());
      return heartbeat.end;
    },
    makeCustodian: (keeping) =>
      createCustodian({
        ...keeping,
        members,
        store: incarnations,
        bus,
        takeover,
        clock,
        host,
        incarnation,
        giveBackStrays: claims.giveBackStrays,
        limits: {
          tenureMs: timings.tenureMs,
          handoversMax,
          beginsMax,
          sweepMs: timings.suspectMs,
          suspectMs: timings.suspectMs,
        },
        onTakeover: options.onTakeover,
        onFault: options.onFault,
      }),
    untilServing: () =>
      new Promise((resolve) => {
        const look = () => {
          if (!members.serving().includes(hostKey(host))) return;
          stopLooking();
          resolve();
        };
        const stopLooking = members.onChange(look);
        look();
      }),
    stop() {
      stopBeats();
      claims.stop();
      takeover.stop();
      members.stop();
      bus.stop();
    },
  };
}
