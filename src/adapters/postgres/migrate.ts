import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { HoldfastError } from "../../errors.ts";

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

const defaultDirectory = fileURLToPath(new URL("../../../migrations", import.meta.url));
/** Any number does, as long as it stays: one migrator at a time per database. */
const lockKey = 4_653_202_611;
const lockLooksMax = 600;
const lockLookAgainMs = 100;

/** The migrations in a folder, `NNNN-name.up.sql`, in order. */
async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const migrations: Migration[] = [];
  for (const file of (await readdir(directory)).toSorted()) {
    const [, number, name] = /^(\d{4})-(.+)\.up\.sql$/.exec(file) ?? [];
    if (number === undefined || name === undefined) continue;
    const sql = await readFile(join(directory, file), "utf8");
    const checksum = createHash("sha256").update(sql).digest("hex");
    migrations.push({ version: Number(number), name, sql, checksum });
  }
  return migrations;
}

/**
 * Asks again and again instead of waiting inside `pg_advisory_lock`: a waiting statement holds a snapshot,
 * for which `create index concurrently` of the migrator at work would wait in turn, for ever.
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

/** What the statements use came with this one. */
const postgresVersionMin = 130_000;

async function refuseOldServer(client: Client): Promise<void> {
  const { rows } = await client.query<{ number: string; name: string }>(
    "select current_setting('server_version_num') as number, current_setting('server_version') as name",
  );
  const { number = "0", name = "unknown" } = rows[0] ?? {};
  if (Number(number) >= postgresVersionMin) return;
  throw new HoldfastError({
    code: "POSTGRES_TOO_OLD",
    message: `The database is PostgreSQL ${name}; ${postgresVersionMin / 10_000} or newer is needed. Nothing was changed.`,
    next: "Upgrade the server, or name another in HOLDFAST_DATABASE_URL.",
  });
}

async function appliedMigrations(client: Client) {
  await client.query(
    `create table if not exists schema_migrations (
       version int primary key, name text not null, checksum text not null,
       applied_at timestamptz not null default now())`,
  );
  const { rows } = await client.query<{ version: number; name: string; checksum: string }>(
    "select version, name, checksum from schema_migrations order by version",
  );
  return rows;
}

function refuseUnknown(
  known: readonly Migration[],
  applied: readonly { version: number; name: string; checksum: string }[],
): void {
  const newest = known.at(-1)?.version ?? 0;
  for (const { version, name, checksum } of applied) {
    const migration = known.find((candidate) => candidate.version === version);
    if (migration === undefined)
      throw new HoldfastError({
        code: "SCHEMA_NEWER",
        message: `The database's schema has migration ${version} (${name}), but this program knows only up to ${newest}.`,
        next: "Start the newer program that changed the database, or name another database in HOLDFAST_DATABASE_URL.",
      });
    if (migration.checksum !== checksum)
      throw new HoldfastError({
        code: "MIGRATION_EDITED",
        message: `Migration ${version} (${name}) is not the one that was applied to this database.`,
        next: "Restore the file as it was released and put the change into a new migration.",
      });
  }
}

async function apply(client: Client, { version, name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query("begin");
    await client.query(sql);
    await client.query(
      "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
      [version, name, checksum],
    );
    await client.query("commit");
  } catch (cause) {
    await client.query("rollback").catch(() => {});
    throw new HoldfastError({
      code: "MIGRATION_FAILED",
      message: `Migration ${version} (${name}) failed and was rolled back: ${cause instanceof Error ? cause.message : String(cause)}.`,
      next: "Correct what the database reports, then start again.",
      cause,
    });
  }
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
    throw new HoldfastError({
      code: "DATABASE_UNAVAILABLE",
      message: `The database does not answer: ${cause instanceof Error ? cause.message || cause.name : String(cause)}.`,
      next: "Check that PostgreSQL runs and that HOLDFAST_DATABASE_URL names it.",
      policy: "retryable",
      cause,
    });
  }
}

/**
 * Brings the schema up to date: each `NNNN-name.up.sql` of `directory` once, in order, each in its own
 * transaction, under an advisory lock, with its checksum. `version` is the schema's version afterwards.
 *
 * Errors: DATABASE_UNAVAILABLE and MIGRATION_LOCKED (retryable), SCHEMA_NEWER, MIGRATION_EDITED,
 * MIGRATION_FAILED; after each of them the schema is as it was, or at an earlier whole version.
 */
export async function migrate(
  databaseUrl: string,
  { directory = defaultDirectory }: { readonly directory?: string } = {},
): Promise<{ readonly applied: readonly string[]; readonly version: number }> {
  const migrations = await readMigrations(directory);
  const client = await connected(databaseUrl);
  try {
    await refuseOldServer(client);
    await lock(client);
    const before = await appliedMigrations(client);
    refuseUnknown(migrations, before);
    const done = new Set(before.map(({ version }) => version));
    const applied: string[] = [];
    for (const migration of migrations) {
      if (done.has(migration.version)) continue;
      await apply(client, migration);
      applied.push(`${String(migration.version).padStart(4, "0")}-${migration.name}`);
    }
    return { applied, version: migrations.at(-1)?.version ?? 0 };
  } finally {
    await client.end();
  }
}
