import { ownerUrlOf } from "../embedded/postgres.ts";
import { databaseUrlOf } from "./ask.ts";

/**
 * The database's address as its owner, who may change the schema: a host's address in run.json may not. Throws
 * NOT_RUNNING.
 */
export async function ownerDatabaseUrl(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const url = await databaseUrlOf(env);
  return env["HOLDFAST_DATABASE_URL"] ? url : ownerUrlOf(url);
}
