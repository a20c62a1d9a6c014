import { timingsOf } from "../../../config/timings.ts";
import { type Claims, createClaims } from "../../../custody/claims.ts";
import { createCustodian, type Custodian } from "../../../custody/custodian.ts";
import type { AccountKeeping } from "../../../custody/node-side.ts";
import { fencedText } from "../../../custody/signed-statements.ts";
import type { Takeover } from "../../../custody/takeover.ts";
import { createTrustedBus } from "../../../custody/trusted-bus.ts";
import { errorLine } from "../../../errors.ts";
import type { Gate } from "../../../ports/custody/gate.ts";
import type { SlotRef } from "../../../ports/custody/token-store.ts";
import { createLink } from "../link.ts";
import type { SimStoreView } from "../sim-store.ts";
import type { NodeOf } from "./engine-gate.ts";
import type { EngineMembers } from "./engine-members.ts";
import type { EngineWorld } from "./engine-world.ts";

/** Production's own times, except that accounts move sooner: those of the start are over before the first fault. */
const tenureMs = 3_000;
const handoversMax = 8;
const beginsMax = 32;
const { suspectMs } = timingsOf.production;

/** One host's part of custody: the claims of its accounts, and their places. */
export interface EngineCustody {
  readonly claims: Claims;
  makeCustodian(keeping: AccountKeeping): Custodian;
  stop(): void;
}

/**
 * Production's claims and placement. The leases are a stand-in, which a simulation of its own judges: no host ends
 * another one, and each waits until that one has ended.
 */
export function createEngineCustody(
  world: EngineWorld,
  { name, process, incarnation }: NodeOf,
  of: {
    readonly tokens: SimStoreView;
    readonly gate: Pick<Gate, "cut">;
    readonly members: EngineMembers;
  },
): EngineCustody {
  const { fleet, judge } = world;
  const { clock } = process;
  const from = { from: process, link: createLink() };
  const fleetBus = world.bus.view(from);
  const { sign } = fleet.signatures.signerOf(incarnation);
  const bus = createTrustedBus({
    bus: fleetBus,
    signatures: fleet.signatures,
    onUnproven: ({ kind }) => judge.broke(unexpected(`an unproven ${kind}`)),
  });
  const stopAnswering = fleetBus.onFence(incarnation, async (request) => {
    if (request.type === "everything") throw new Error("nobody here ends another host");
    await of.gate.cut(request.grant);
    return sign(fencedText(incarnation, request));
  });
  const takeover: Takeover = {
    async take({ incarnation: other }) {
      await fleet.untilEnded(other);
      return { ended: true, freed: [], how: "waited" };
    },
    stop() {},
  };
  const claims = createClaims({
    floors: fleet.floors.view(from),
    tokens: of.tokens,
    bus,
    gate: { incarnation, host: name, cut: of.gate.cut },
    takeover,
    clock,
    sweepMs: suspectMs,
    newNonce: () => world.newId("nonce"),
    onRestored: (ref) => judge.broke(unexpected(`a restored Postgres, for ${nameOf(ref)}`)),
  });

  return {
    claims,
    makeCustodian: (keeping) =>
      createCustodian({
        ...keeping,
        members: { ...of.members, start: async () => {}, stop() {} },
        store: of.tokens,
        bus,
        takeover,
        clock,
        host: name,
        incarnation,
        giveBackStrays: claims.giveBackStrays,
        limits: { tenureMs, handoversMax, beginsMax, sweepMs: suspectMs, suspectMs },
        onTakeover() {},
        onFault: (what, error) =>
          world.trace(`${incarnation} fails at ${what}: ${errorLine(error)}`),
      }),
    stop() {
      stopAnswering();
      claims.stop();
      bus.stop();
    },
  };
}

const nameOf = ({ account, slot }: SlotRef): string => `${account} slot ${slot}`;

const unexpected = (what: string) =>
  ({ invariant: "keys", message: `a host met ${what}, and nothing here is so` }) as const;
