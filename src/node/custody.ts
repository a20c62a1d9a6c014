import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { createSignatures } from "../adapters/crypto/incarnation-key.ts";
import type { Metrics } from "../adapters/metrics/metrics.ts";
import { openSharedRegister } from "../adapters/nats/shared-register.ts";
import type { Queries } from "../adapters/postgres/database.ts";
import type { Config } from "../config/config.ts";
import { keepFleetKnown } from "../custody/known-fleet.ts";
import { createFleetPart, type FleetPart, type FleetPartOptions } from "../custody/node-side.ts";
import { type EraValue, eraKey, type FloorValue, type LeaseValue } from "../custody/registers.ts";
import { errorLine } from "../errors.ts";
import { openFleetRegister, recogniseFleetOf } from "./fleet-identity.ts";

type Given = "bus" | "incarnations" | "tokens" | "gate" | "clock" | "onEnd" | "onAway";

export interface NodeCustodyParts extends Pick<FleetPartOptions, Given> {
  readonly nats: NatsConnection;
  readonly database: Queries;
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, "unproven">;
}

/**
 * Joins the fleet that shares this NATS and this Postgres, if both are of one. `era`: how often Postgres had been
 * restored by now. Throws as `recogniseFleet` does.
 */
export async function joinFleet({
  nats,
  database,
  config,
  log,
  metrics,
  ...given
}: NodeCustodyParts): Promise<FleetPart & { readonly era: number }> {
  const { timings } = config;
  const id = await recogniseFleetOf(nats, database, config);
  const bounds = { timeoutMs: timings.casTimeoutMs };
  const [hosts, floors, fleet] = await Promise.all([
    openSharedRegister<LeaseValue>(nats, "HOLDFAST_HOSTS", bounds),
    openSharedRegister<FloorValue>(nats, "HOLDFAST_FLOORS", bounds),
    openSharedRegister<EraValue>(nats, "HOLDFAST_FLEET", bounds),
  ]);
  const part = createFleetPart({
    ...given,
    hosts,
    floors,
    fleet,
    timings,
    signatures: createSignatures(),
    newNonce: randomUUID,
    onUnproven: noteOnce(log, metrics),
    onRestored: (ref, floor) =>
      log.error(
        { ...ref, floor },
        "Postgres was restored from an older copy; the token is repaired",
      ),
    onTakeover: (outcome) => log.warn(outcome, "a silent host was ended; its tokens are free"),
    onFault: (what, error) => log.warn({ what }, errorLine(error)),
  });
  await part.start();
  const era = (await fleet.read(eraKey))?.value.era ?? 0;
  const forgetFleet = keepFleetKnown({
    id,
    openFleet: () => openFleetRegister(nats, config),
    clock: given.clock,
    everyMs: timings.heartbeatMs,
    newNonce: randomUUID,
    onOther: (other) => given.onEnd(`NATS belongs to another fleet now (${other.slice(0, 8)})`),
  });
  const stop = () => {
    forgetFleet();
    part.stop();
  };
  return { ...part, stop, era };
}

const notedMax = 1000;

/** Counts each, and writes one line for each kind and name: a liar may repeat itself a thousand times a second. */
function noteOnce(
  log: Logger,
  metrics: NodeCustodyParts["metrics"],
): FleetPartOptions["onUnproven"] {
  const noted = new Set<string>();
  return ({ kind, incarnation }) => {
    metrics.unproven(kind);
    const name = `${kind} ${incarnation}`;
    if (noted.has(name) || noted.size >= notedMax) return;
    noted.add(name);
    log.warn(
      { kind, incarnation },
      "a message without that incarnation's signature was ignored; it may come from a host of an earlier version, or it is forged: see who may publish on NATS",
    );
  };
}
