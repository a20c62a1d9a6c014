import { Client } from "pg";
import { HoldfastError } from "../../errors.ts";
import { refuseForeign } from "./foreign-schema.ts";
import { type Migration, migrationsFolder, readMigrations } from "./migration-files.ts";
import { refuseOldPostgres } from "./oldest-server.ts";
import { poolerRefusal, refusePooler } from "./pooler.ts";
import { limitLockWaits, type LockPatience, lockPatience } from "./schema-locks.ts";

/** Any number does, as long as it stays: one migrator at a time per database. */
const lockKey = 4_653_202_611;
const lockLooksMax = 600;
const lockLookAgainMs = 100;

/**
 * Asks again and again instead of waiting inside `pg_advisory_lock`. A waiting statement holds a
 * snapshot, and `create index concurrently` of the migrator at work would wait for it in turn, for
 * ever.
 */
async function lock(client: Client): Promise<void> {
  for (let look = 0; look < lockLooksMax; look += 1) {
    const { rows } = await client.query<{ got: boolean }>(
      "select pg_try_advisory_lock($1) as got",
      [lockKey],
    );
    if (rows[0]?.got === true) return;
    await new Promise((resolve) => setTimeout(resolve, lockLookAgainMs));
  }
  throw new HoldfastError({
    code: "MIGRATION_LOCKED",
    message: "Another process has been changing the database's schema for a minute.",
    next: "Wait for it or end it, then start again.",
    policy: "retryable",
  });
}

async function refuseOldServer(client: Client): Promise<void> {
  const { rows } = await client.query<{ number: string; name: string }>(
    "select current_setting('server_version_num') as number, current_setting('server_version') as name",
  );
  const { number = "0", name = "unknown" } = rows[0] ?? {};
  refuseOldPostgres(Number(number), name);
}

/** A migration as the database has it written down. */
export interface Applied {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

async function appliedMigrations(client: Client): Promise<readonly Applied[]> {
  const { rows: found } = await client.query<{ there: boolean }>(
    "select to_regclass('schema_migrations') is not null as there",
  );
  // A host may not make it, and looks only whether the schema is its program's.
  if (found[0]?.there !== true)
    await client.query(
      `create table schema_migrations (
       version int primary key, name text not null, checksum text not null,
       applied_at timestamptz not null default now())`,
    );
  const { rows } = await client.query<Applied>(
    "select version, name, checksum from schema_migrations order by version",
  );
  return rows;
}

async function connected(databaseUrl: string): Promise<Client> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  // A broken connection also rejects the query at work, which is where it is reported.
  client.on("error", () => {});
  try {
    await client.connect();
    return client;
  } catch (cause) {
    await client.end().catch(() => {});
    throw (
      poolerRefusal(cause) ??
      new HoldfastError({
        code: "DATABASE_UNAVAILABLE",
        message: `The database does not answer: ${cause instanceof Error ? cause.message || cause.name : String(cause)}.`,
        next: "Check that PostgreSQL runs and that HOLDFAST_DATABASE_URL names it.",
        policy: "retryable",
        cause,
      })
    );
  }
}

export interface MigrateOptions {
  readonly directory?: string;
  /** How each change waits for its locks; by default about four minutes in all. */
  readonly patience?: LockPatience;
}

/**
 * Alone with the schema of a database that is empty or this program's; `work` gets the migrations of the files,
 * and those of the database.
 */
export async function alone<Result>(
  databaseUrl: string,
  { directory = migrationsFolder, patience = lockPatience }: MigrateOptions,
  work: (
    client: Client,
    migrations: readonly Migration[],
    applied: readonly Applied[],
    patience: LockPatience,
  ) => Promise<Result>,
): Promise<Result> {
  const migrations = await readMigrations(directory);
  const client = await connected(databaseUrl);
  try {
    await refuseOldServer(client);
    await refusePooler(client, () => connected(databaseUrl));
    await lock(client);
    await refuseForeign(client);
    await limitLockWaits(client, patience);
    return await work(client, migrations, await appliedMigrations(client), patience);
  } finally {
    await client.end();
  }
}
