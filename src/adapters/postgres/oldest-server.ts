import { HoldfastError } from "../../errors.ts";

/** The oldest version with everything that the statements use. */
const postgresVersionMin = 130_000;

/**
 * Throws POSTGRES_TOO_OLD.
 * @param number as `server_version_num` has it
 */
export function refuseOldPostgres(number: number, name: string): void {
  if (number >= postgresVersionMin) return;
  throw new HoldfastError({
    code: "POSTGRES_TOO_OLD",
    message: `The database is PostgreSQL ${name}; ${postgresVersionMin / 10_000} or newer is needed. Nothing was changed.`,
    next: "Upgrade the server, or name another in HOLDFAST_DATABASE_URL.",
  });
}
