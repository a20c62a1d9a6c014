import { HoldfastError } from "../errors.ts";
import { readRunInfo } from "../embedded/run-info.ts";

/** HOLDFAST_DATABASE_URL, else the database of the `npm start` that runs in this folder. Throws NOT_RUNNING. */
export async function databaseUrlOf(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const named = env["HOLDFAST_DATABASE_URL"];
  const run = named ? null : await readRunInfo(env["HOLDFAST_HOME"] ?? ".holdfast");
  const url = named || run?.database;
  if (url !== undefined) return url;
  throw new HoldfastError({
    code: "NOT_RUNNING",
    message: "Nothing runs in this folder.",
    next: "Name the fleet's database in HOLDFAST_DATABASE_URL.",
  });
}
