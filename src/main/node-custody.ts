import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { createFleetBus } from "../adapters/nats/fleet-bus.ts";
import { openSharedRegister } from "../adapters/nats/shared-register.ts";
import type { Config } from "../config/config.ts";
import { type Claims, createClaims } from "../custody/claims.ts";
import { createCustodian, type Custodian } from "../custody/custodian.ts";
import { createFleetMembers, type FleetMembers } from "../custody/fleet-members.ts";
import { createHeartbeat } from "../custody/heartbeat.ts";
import {
  type EraValue,
  eraKey,
  type FloorValue,
  hostKey,
  type LeaseValue,
} from "../custody/lease-value.ts";
import { createTakeover, type Takeover } from "../custody/takeover.ts";
import type { AccountKeeping } from "../engine/host.ts";
import { errorLine } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { CustodyStore } from "../ports/custody-store.ts";
import type { FleetBus } from "../ports/fleet-bus.ts";
import type { Gate } from "../ports/gate.ts";
import type { SharedRegister } from "../ports/shared-register.ts";
import type { TokenStore } from "../ports/token-store.ts";

/** Accounts that are handed over for balance at the same time, and that begin at the same time. */
const handoversMax = 8;
const beginsMax = 32;

export interface NodeCustodyParts {
  readonly nats: NatsConnection;
  readonly store: CustodyStore;
  readonly tokens: TokenStore;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly config: Config;
  readonly log: Logger;
  /** This host must let go of everything and begin anew as another incarnation. */
  onEnd(why: string): void;
  /** Postgres is away while other hosts may reach it: everything held is given up; `false` when it is back. */
  onAway(away: boolean): void;
}

/** What this node knows of the fleet, and how it takes part in it. */
export interface NodeCustody {
  readonly members: FleetMembers;
  readonly takeover: Takeover;
  readonly claims: Claims;
  readonly bus: FleetBus;
  /** The era when this node began. */
  readonly era: number;
  makeCustodian(keeping: AccountKeeping): Custodian;
  /** From now on Postgres is asked with each renewal of the lease; this host's incarnation must be recorded. */
  startBeats(): void;
  /** Resolves once the fleet sees that this host takes accounts. */
  untilServing(): Promise<void>;
  stop(): void;
}

export async function joinFleet(parts: NodeCustodyParts): Promise<NodeCustody> {
  const { nats, store, tokens, gate, clock, config, log } = parts;
  const { timings } = config;
  const { incarnation, host } = gate;
  const bounds = { timeoutMs: timings.casTimeoutMs };
  const [hosts, floors, fleet] = await Promise.all([
    openSharedRegister<LeaseValue>(nats, "HOLDFAST_HOSTS", bounds),
    openSharedRegister<FloorValue>(nats, "HOLDFAST_FLOORS", bounds),
    openSharedRegister<EraValue>(nats, "HOLDFAST_FLEET", bounds),
  ]);
  const bus = createFleetBus(nats, { fenceTimeoutMs: timings.casTimeoutMs });
  const members = createFleetMembers({ hosts, host, incarnation, clock, timings });
  const takeover = createTakeover({
    hosts,
    store,
    bus,
    clock,
    takeMs: timings.takeMs,
    newNonce: randomUUID,
  });
  const claims = createClaims({
    floors,
    store,
    tokens,
    bus,
    gate,
    takeover,
    clock,
    sweepMs: timings.suspectMs,
    newNonce: randomUUID,
    onRestored: (ref, floor) =>
      log.error(
        { ...ref, floor },
        "Postgres was restored from an older copy; the token is repaired",
      ),
  });
  let given = false;
  const heartbeat = createHeartbeat({
    store,
    incarnation,
    clock,
    awayMs: timings.suspectMs,
    onEnded: parts.onEnd,
    onRestored(why) {
      void nextEra(fleet)
        .catch((error: unknown) => log.error(errorLine(error)))
        .finally(() => parts.onEnd(`Postgres was restored from an older copy: ${why}`));
    },
    onAway(away) {
      const others = members.serving().some((key) => key !== hostKey(host));
      if (away && !others) return;
      if (!away && !given) return;
      given = away;
      parts.onAway(away);
    },
  });
  let stopBeats = () => {};
  await members.start();

  return {
    members,
    takeover,
    claims,
    bus,
    era: (await fleet.read(eraKey))?.value.era ?? 0,
    makeCustodian: (keeping) =>
      createCustodian({
        ...keeping,
        members,
        store,
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
        onTakeover: (outcome) => log.warn(outcome, "a silent host was ended; its tokens are free"),
        onFault: (what, error) => log.warn({ what }, errorLine(error)),
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
    startBeats() {
      stopBeats = members.onOwnBeat(() => void heartbeat.beat());
    },
    stop() {
      stopBeats();
      claims.stop();
      members.stop();
    },
  };
}

/** Counts one more restore. Two hosts that find the same one may count it twice, which does no harm. */
async function nextEra(fleet: SharedRegister<EraValue>): Promise<void> {
  const entry = await fleet.read(eraKey);
  const value = { era: (entry?.value.era ?? 0) + 1, nonce: randomUUID() };
  await fleet.write(eraKey, value, entry?.revision ?? 0);
}
