import "./keep-private.ts";
import { migrate } from "../adapters/postgres/migrate.ts";
import { rolesMissing } from "../adapters/postgres/roles.ts";
import { toldPatience } from "../adapters/postgres/schema-locks.ts";
import { readConfig } from "../config/config.ts";
import { HoldfastError, lastWord } from "../errors.ts";

/** Brings the schema of HOLDFAST_DATABASE_URL up to date, once, before the hosts of a fleet start. */
async function runMigrate(): Promise<void> {
  const { databaseUrl } = readConfig(process.env);
  if (databaseUrl === null)
    throw new HoldfastError({
      code: "DATABASE_UNNAMED",
      message: "HOLDFAST_DATABASE_URL is not set, so there is nothing to migrate.",
      next: "Set it; `npm start` migrates its embedded database by itself.",
    });
  const patience = toldPatience((line) => process.stderr.write(`holdfast migrate: ${line}\n`));
  const { applied, version, roles } = await migrate(databaseUrl, { patience });
  process.stdout.write(`schema version ${version}, ${applied.length} migrations applied\n`);
  if (!roles) process.stdout.write(`${rolesMissing}\n`);
}

await runMigrate().catch((error: unknown) => {
  const last = lastWord(error, {
    what: "The schema was not brought up to date",
    next: "Check that PostgreSQL runs and that HOLDFAST_DATABASE_URL names it, and try again.",
  });
  process.stderr.write(`holdfast migrate: ${last.line}\n`);
  process.exitCode = 1;
});
