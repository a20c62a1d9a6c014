import { openDatabase } from "../adapters/postgres/database.ts";
import { publicSealKey } from "../adapters/postgres/sealing-key-store.ts";
import { keepSealPin, ownFleet } from "./seal-pin.ts";

/**
 * Reads the fleet's public sealing key from the database, which a liar on NATS does not write, and keeps it in the
 * home; null: no node has started on this database yet.
 */
export async function pinOwnSealKey(home: string, databaseUrl: string): Promise<string | null> {
  const database = openDatabase(databaseUrl);
  try {
    const key = await publicSealKey(database);
    if (key !== null) keepSealPin(home, ownFleet, key);
    return key;
  } finally {
    await database.close();
  }
}
