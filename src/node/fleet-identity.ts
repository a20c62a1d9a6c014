import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import { openSharedRegister } from "../adapters/nats/shared-register.ts";
import type { Queries } from "../adapters/postgres/database.ts";
import { createFleetStore } from "../adapters/postgres/fleet-store.ts";
import { within } from "../concurrency/wait.ts";
import { createSystemClock } from "../concurrency/system-clock.ts";
import type { Config } from "../config/config.ts";
import { recogniseFleet } from "../custody/fleet-identity.ts";
import { type FleetIdValue, fleetIdKey, type LeaseValue } from "../custody/registers.ts";

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

/** Longer than making one register takes; a gate that ends waits no longer. */
const tellMsMax = 2000;

/**
 * Writes the id of the fleet that this gate was recognised in into a NATS that lost it: the last act of a gate whose
 * lease was lost with it, so that the next one is let in. Another fleet's id stays. Never rejects.
 */
export async function tellFleetAgain(
  nats: NatsConnection,
  config: Pick<Config, "timings">,
  id: string,
): Promise<void> {
  const tell = async () => {
    const register = await openFleetRegister(nats, config);
    if ((await register.read(fleetIdKey)) !== null) return;
    await register.write(fleetIdKey, { id, nonce: randomUUID() }, 0);
  };
  await within(createSystemClock(), tellMsMax, tell(), () => {}).catch(() => undefined);
}
