import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectNats } from "../../adapters/nats/connection.ts";
import { copyRegister } from "../../adapters/nats/register-copy.ts";
import { openSharedRegister } from "../../adapters/nats/shared-register.ts";
import { openDatabase } from "../../adapters/postgres/database.ts";
import {
  countAccounts,
  countTables,
  readApplied,
  readServerFacts,
} from "../../adapters/postgres/diagnosis.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import type { NatsAccess } from "../../config/nats-access.ts";
import { nextEra } from "../../custody/era.ts";
import { refuseRunning } from "../../custody/fleet-identity.ts";
import type { EraValue, FloorValue, LeaseValue } from "../../custody/registers.ts";
import { epochsSince, type KeptFloor, raiseFloors } from "../../custody/restored-floors.ts";
import { HoldfastError } from "../../errors.ts";
import type { RegisterEntry } from "../../ports/custody/shared-register.ts";
import { restoreDatabase } from "./dump.ts";
import { databaseName, type Manifest } from "./manifest.ts";
import { fleetIdIn, readFloors } from "./registers.ts";

/** Where a backup is restored to. */
export interface RestoreTarget {
  /** As one who may make tables there. */
  readonly databaseUrl: string;
  /** As the node. */
  readonly nats: NatsAccess;
}

export interface RestoreOptions {
  readonly folder: string;
  /** As `readBackup` found it. */
  readonly manifest: Manifest;
  readonly target: RestoreTarget;
  /** Puts the master key where the hosts look for it; called before the database is filled. */
  placeKey(): void;
  now(): Date;
  tell(line: string): void;
}

export interface Restored {
  readonly accounts: number;
  readonly floorsRaised: number;
  /** NATS still knew the fleet, with every epoch that was used. */
  readonly natsKnew: boolean;
}

/** Longer than any election of a cluster takes. */
const registerMsMax = 25_000;

/**
 * Fills an empty database with a backup, after the floors were raised: no epoch that was used may be granted again.
 * Nothing is written before every refusal was looked for. Throws RESTORE_NOT_EMPTY, RESTORE_READ_ONLY, FLEET_RUNS,
 * FLEET_MISMATCH and the errors of the parts.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { manifest, target, tell, now } = options;
  const folder = resolve(options.folder);
  const floors = await readFloors(folder);
  await refuseTarget(target.databaseUrl);
  const nats = await connectNats(target.nats, "restore", { comesBack: false });
  try {
    const known = await fleetIdIn(nats);
    if (known !== null && known !== manifest.fleet?.id) throw otherFleet(known, manifest);
    await refuseServing(nats, manifest);
    options.placeKey();
    const ahead = known === null ? epochsSince(Date.parse(manifest.madeAt), now().getTime()) : 0;
    tell("raising the floors of tokens in NATS");
    const floorsRaised = await raiseAll(nats, floors, ahead);
    tell("filling the database");
    await restoreDatabase(target.databaseUrl, join(folder, databaseName));
    tell("bringing its schema and rights up to date");
    await migrate(target.databaseUrl).catch((cause: unknown) => {
      throw notMigrated(cause);
    });
    return {
      accounts: await accountsIn(target.databaseUrl),
      floorsRaised,
      natsKnew: known !== null,
    };
  } finally {
    await nats.close();
  }
}

async function refuseTarget(databaseUrl: string): Promise<void> {
  const database = openDatabase(databaseUrl, { poolMax: 1, name: "holdfast restore" });
  try {
    const { readOnly } = await readServerFacts(database);
    if (readOnly)
      throw new HoldfastError({
        code: "RESTORE_READ_ONLY",
        message:
          "The database can only be read: it is a standby, or was made so. Nothing was changed.",
        next: "Name one that can be written in HOLDFAST_DATABASE_URL.",
      });
    const tables = await countTables(database);
    if (tables === 0) return;
    const isOurs = (await readApplied(database)) !== null;
    const accounts = isOurs ? await countAccounts(database) : 0;
    throw notEmpty(tables, accounts);
  } finally {
    await database.close();
  }
}

/** Hosts that renew their leases would go on with what they remember, and with tokens that nothing tells of. */
async function refuseServing(nats: NatsConnection, { fleet }: Manifest): Promise<void> {
  const entries = async (): Promise<readonly RegisterEntry<LeaseValue>[]> =>
    ((await copyRegister(nats, "HOLDFAST_HOSTS")) ?? []).flatMap(({ key, value, revision }) =>
      typeof value === "object" && value !== null
        ? { key, value: value as LeaseValue, revision }
        : [],
    );
  const suspectMs = fleet?.times.suspectMs ?? 10_000;
  await refuseRunning(
    { hosts: { entries }, times: { suspectMs }, clock: createSystemClock() },
    await entries(),
  );
}

async function raiseAll(
  nats: NatsConnection,
  floors: readonly KeptFloor[],
  ahead: number,
): Promise<number> {
  const bounds = { timeoutMs: registerMsMax };
  const newNonce = randomUUID;
  const register = await openSharedRegister<FloorValue>(nats, "HOLDFAST_FLOORS", bounds);
  const raised = await raiseFloors(register, floors, { ahead, newNonce });
  const fleet = await openSharedRegister<EraValue>(nats, "HOLDFAST_FLEET", bounds);
  await nextEra(fleet, newNonce);
  return raised;
}

async function accountsIn(databaseUrl: string): Promise<number> {
  const database = openDatabase(databaseUrl, { poolMax: 1 });
  try {
    return await countAccounts(database);
  } finally {
    await database.close();
  }
}

const notEmpty = (tables: number, accounts: number) =>
  new HoldfastError({
    code: "RESTORE_NOT_EMPTY",
    message: `The database is not empty: ${tables} tables and sequences, ${accounts} accounts. Nothing was changed.`,
    next: "Make a new database and name it in HOLDFAST_DATABASE_URL, or name a new folder in HOLDFAST_HOME.",
  });

const otherFleet = (known: string, { fleet }: Manifest) =>
  new HoldfastError({
    code: "FLEET_MISMATCH",
    message: `This NATS belongs to fleet ${known.slice(0, 8)}, and the backup to ${fleet === null ? "none yet" : `fleet ${fleet.id.slice(0, 8)}`}. Nothing was changed.`,
    next: "Name the fleet's own NATS, or an empty one, in HOLDFAST_NATS_URL.",
  });

const notMigrated = (cause: unknown) =>
  new HoldfastError({
    code: "RESTORE_NOT_MIGRATED",
    message: "Every row is restored, but the schema or its rights are not up to date.",
    next: "Type: npx holdfast migrate up",
    cause,
  });
