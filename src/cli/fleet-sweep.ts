import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { openDatabase } from "../adapters/postgres/database.ts";
import { createFleetHygiene } from "../adapters/postgres/hygiene-store.ts";
import { readRunInfo } from "../embedded/run-info.ts";
import { errorLine, HoldfastError } from "../errors.ts";
import type { FleetHygiene, SweepHow, SweepPart } from "../ports/hygiene.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const untouched = (why: string): SweepPart => ({
  swept: [],
  preserved: [{ name: "the fleet's database", why: `not swept: ${why}` }],
});

/** HOLDFAST_DATABASE_URL, else the database of the service that runs in this home; null: neither is known. */
export async function fleetDatabaseUrl(env: Environment, home: string): Promise<string | null> {
  const named = env["HOLDFAST_DATABASE_URL"];
  if (named) return named;
  return (await readRunInfo(home))?.database ?? null;
}

/** Opens the database for one look or more; it closes it again. */
export async function withHygiene<Result>(
  url: string,
  work: (hygiene: FleetHygiene) => Promise<Result>,
): Promise<Result> {
  const database = openDatabase(url, { poolMax: 1, name: "holdfast sweep" });
  try {
    return await work(createFleetHygiene(database, conversationRules(conversationMachine)));
  } finally {
    await database.close();
  }
}

/** Sweeps the fleet's database where it answers; where it does not, the report says so. */
export async function sweepFleet(url: string | null, how: SweepHow): Promise<SweepPart> {
  if (url === null) return untouched("it runs only while the service does");
  try {
    const part = await withHygiene(url, (hygiene) => hygiene.sweep(how));
    return part ?? untouched("it is the database of no fleet, or of an older version");
  } catch (error) {
    if (error instanceof HoldfastError) return untouched(errorLine(error));
    throw error;
  }
}
