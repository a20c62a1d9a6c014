import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { openDatabase } from "../adapters/postgres/database.ts";
import { createFleetStore } from "../adapters/postgres/fleet-store.ts";
import { mayBeCopy, type Place, placeOf, standsAt } from "../adapters/machine/place.ts";
import { adoptCommand } from "../custody/fleet-identity.ts";
import { HoldfastError } from "../errors.ts";
import type { FleetStore, FleetTimes } from "../ports/custody/fleet-store.ts";

/** Whose data a home has, and where it stood when it was last used. */
export interface HomeRecord {
  /** null: an operator said that the original of this copy is stopped. */
  readonly fleet: string | null;
  readonly place: Place;
}

const fileOf = (home: string): string => join(resolve(home), "fleet.json");

/** null: the home was never used, or by a version that kept no such record. Throws HOME_RECORD_BROKEN. */
function readHomeRecord(home: string): HomeRecord | null {
  let text: string;
  try {
    text = readFileSync(fileOf(home), "utf8");
  } catch {
    return null;
  }
  try {
    return JSON.parse(text) as HomeRecord;
  } catch (cause) {
    throw new HoldfastError({
      code: "HOME_RECORD_BROKEN",
      message: `${fileOf(home)} is not JSON, so nothing tells whether this home is a copy.`,
      next: `If no other copy of it runs: ${adoptCommand}`,
      cause,
    });
  }
}

/** Whole or not at all. */
export function writeHomeRecord(home: string, fleet: string | null): void {
  const file = fileOf(home);
  const record: HomeRecord = { fleet, place: placeOf(home) };
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`, {
    mode: 0o600,
    flush: true,
  });
  renameSync(`${file}.new`, file);
}

/** Throws HOME_COPIED, HOME_RECORD_BROKEN. Only for a home that holds its own database. */
export function refuseCopiedHome(home: string): HomeRecord | null {
  const record = readHomeRecord(home);
  if (record === null) return null;
  const { place } = record;
  const now = placeOf(home);
  if (!mayBeCopy(place, now, standsAt(place))) return record;
  const where = place.machineId === now.machineId ? "on this machine" : "on another machine";
  throw copied(`The home ${now.path} is a copy of ${place.path}, which was used ${where}.`);
}

export interface HomeFleetOptions {
  readonly home: string;
  /** The embedded database. */
  readonly databaseUrl: string;
  /** NATS is embedded too: then no other host can know this fleet, and NATS may have lost its id. */
  readonly alone: boolean;
  readonly times: FleetTimes;
}

/**
 * Makes the embedded database and the home say the same. The fleet takes this host's times: no other host reaches its
 * database. Throws HOME_COPIED and FLEET_MISMATCH, with nothing written.
 */
export async function settleHomeFleet(
  record: HomeRecord | null,
  { home, databaseUrl, alone, times }: HomeFleetOptions,
): Promise<void> {
  const database = openDatabase(databaseUrl, { poolMax: 1 });
  try {
    const store = createFleetStore(database);
    const id = await settledId(record, home, store);
    const adopting = alone || record?.fleet === null;
    const found = await store.found({ id, times });
    if (adopting || found.id !== id) await store.adopt({ id, times });
    else await store.changeTimes(times);
    writeHomeRecord(home, id);
  } finally {
    await database.close();
  }
}

async function settledId(
  record: HomeRecord | null,
  home: string,
  store: FleetStore,
): Promise<string> {
  const stored = await store.read();
  if (record === null) {
    if (stored !== null && (await store.hasKeys()))
      throw copied(
        `The database in ${home} was used in another home, of which this one may be a copy.`,
      );
    return stored?.id ?? randomUUID();
  }
  // A copy that its operator adopted is a fleet of its own.
  if (record.fleet === null) return randomUUID();
  if (stored !== null && stored.id !== record.fleet)
    throw new HoldfastError({
      code: "FLEET_MISMATCH",
      message: `The home ${home} belongs to fleet ${record.fleet.slice(0, 8)}, and the database in it to fleet ${stored.id.slice(0, 8)}.`,
      next: `Put back the database of this home. If the one in it is used nowhere else: ${adoptCommand}`,
    });
  return record.fleet;
}

const copied = (message: string) =>
  new HoldfastError({
    code: "HOME_COPIED",
    message,
    next: `Start the original. If it is gone, or stopped for good: ${adoptCommand}`,
  });
