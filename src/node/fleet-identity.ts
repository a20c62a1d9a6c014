import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import { openSharedRegister } from "../adapters/nats/shared-register.ts";
import type { Queries } from "../adapters/postgres/database.ts";
import { createFleetStore } from "../adapters/postgres/fleet-store.ts";
import { createSystemClock } from "../concurrency/system-clock.ts";
import type { Config } from "../config/config.ts";
import { recogniseFleet } from "../custody/fleet-identity.ts";
import type { FleetIdValue, LeaseValue } from "../custody/registers.ts";

/** The register in which NATS keeps whose it is. */
export const openFleetRegister = (nats: NatsConnection, { timings }: Pick<Config, "timings">) =>
  openSharedRegister<FleetIdValue>(nats, "HOLDFAST_FLEET", { timeoutMs: timings.casTimeoutMs });

/** `recogniseFleet` over the servers of this host. */
export async function recogniseFleetOf(
  nats: NatsConnection,
  database: Queries,
  config: Pick<Config, "timings">,
): Promise<string> {
  const bounds = { timeoutMs: config.timings.casTimeoutMs };
  const [fleet, hosts] = await Promise.all([
    openFleetRegister(nats, config),
    openSharedRegister<LeaseValue>(nats, "HOLDFAST_HOSTS", bounds),
  ]);
  return recogniseFleet({
    store: createFleetStore(database),
    fleet,
    hosts,
    times: config.timings,
    clock: createSystemClock(),
    newId: randomUUID,
  });
}
