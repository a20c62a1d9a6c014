import { Client } from "pg";
import { HoldfastError } from "../../errors.ts";
import { labelOf, type Migration, migrationsFolder, readMigrations } from "./migration-files.ts";
import { refuseOldPostgres } from "./oldest-server.ts";
import { grantRoles, mayChangeSchema } from "./roles.ts";
import {
  limitLockWaits,
  type LockPatience,
  lockPatience,
  patiently,
  withoutLimit,
} from "./schema-locks.ts";

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

function refuseUnknown(known: readonly Migration[], applied: readonly Applied[]): void {
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

interface Applied {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

async function apply(client: Client, migration: Migration, patience: LockPatience): Promise<void> {
  const { version, name, checksum, up } = migration;
  const record = {
    text: "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
    values: [version, name, checksum],
  };
  if (up.inTransaction) {
    await patiently(client, patience, labelOf(migration), () =>
      inTransaction(client, migration, async () => {
        for (const statement of up.statements) await client.query(statement);
        await client.query(record);
      }),
    );
    return;
  }
  try {
    const own = up.statements.flatMap(indexesBuiltBy);
    const step = (statement: string) =>
      patiently(client, patience, labelOf(migration), () => client.query(statement));
    // Remains of an earlier try: `if not exists` would take them for done.
    for (const index of await leftInvalid(client, own)) await step(`drop index ${index}`);
    for (const statement of up.statements) {
      if (worksBeside(statement))
        await withoutLimit(client, patience, () => client.query(statement));
      else await step(statement);
    }
    const [invalid] = await leftInvalid(client, own);
    if (invalid !== undefined) throw new Error(`the index ${invalid} is not valid`);
    await client.query(record);
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw failed(migration, "some of its statements may have taken effect", cause);
  }
}

async function inTransaction(
  client: Client,
  migration: Migration,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await client.query("begin");
    await work();
    await client.query("commit");
  } catch (cause) {
    await client.query("rollback").catch(() => {});
    throw failed(migration, "it was rolled back", cause);
  }
}

const failed = ({ version, name }: Migration, state: string, cause: unknown) =>
  new HoldfastError({
    code: "MIGRATION_FAILED",
    message: `Migration ${version} (${name}) failed and ${state}: ${cause instanceof Error ? cause.message : String(cause)}.`,
    next: "Correct what the database reports, then start again.",
    cause,
  });

/** Whether a statement builds or drops an index and lets readers and writers go on. */
const worksBeside = (statement: string): boolean => /\bindex\s+concurrently\b/i.test(statement);

/** The names of the indexes that a statement builds beside the work of others. */
function indexesBuiltBy(statement: string): readonly string[] {
  const builds = /create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?(\w+)/gi;
  return [...statement.matchAll(builds)].flatMap(([, name]) => name ?? []);
}

/**
 * Those of these indexes that an earlier try has left, and that nothing builds now: an operator's own are let alone.
 */
async function leftInvalid(client: Client, names: readonly string[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
     where not i.indisvalid and c.relnamespace = current_schema()::regnamespace
       and c.relname = any ($1)
       and not exists (select from pg_stat_progress_create_index p where p.index_relid = c.oid)
     order by 1`,
    [names],
  );
  return rows.map(({ name }) => name);
}

/** Indexes that `create index concurrently` has begun and not ended. */
async function invalidIndexes(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
     where not i.indisvalid and c.relnamespace = current_schema()::regnamespace order by 1`,
  );
  return rows.map(({ name }) => name);
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

export interface MigrateOptions {
  readonly directory?: string;
  /** How each change waits for its locks; by default about four minutes in all. */
  readonly patience?: LockPatience;
}

/** Alone with the schema; `work` gets the migrations of the files and those of the database. */
async function alone<Result>(
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
    await lock(client);
    await limitLockWaits(client, patience);
    return await work(client, migrations, await appliedMigrations(client), patience);
  } finally {
    await client.end();
  }
}

/**
 * Brings the schema up to date: each `NNNN-name.up.sql` of `directory` once, in order, under an
 * advisory lock, with its checksum. Each file is one transaction or, where it says so, runs
 * statement by statement. `version` is the schema's version afterwards.
 *
 * A role that may not change the schema only looks whether it is up to date. Otherwise the rights of the roles of
 * `roles.ts` are set; `roles`: whether they are there.
 *
 * Errors: DATABASE_UNAVAILABLE, MIGRATION_LOCKED and MIGRATION_WAITS (retryable), SCHEMA_NEWER, MIGRATION_EDITED,
 * MIGRATION_NOT_OWNER, MIGRATION_FAILED; after each of them the schema is as it was, or at an earlier whole version.
 */
export function migrate(
  databaseUrl: string,
  options: MigrateOptions = {},
): Promise<{
  readonly applied: readonly string[];
  readonly version: number;
  readonly roles: boolean;
}> {
  return alone(databaseUrl, options, async (client, migrations, before, patience) => {
    refuseUnknown(migrations, before);
    const done = new Set(before.map(({ version }) => version));
    const pending = migrations.filter(({ version }) => !done.has(version));
    const version = migrations.at(-1)?.version ?? 0;
    if (!(await mayChangeSchema(client))) {
      if (pending.length > 0) throw notOwner(pending.length);
      return { applied: [], version, roles: true };
    }
    for (const migration of pending) await apply(client, migration, patience);
    const roles = await patiently(client, patience, "setting roles", () => grantRoles(client));
    return { applied: pending.map(labelOf), version, roles };
  });
}

/**
 * Undoes the migrations above a version, the newest first, each in its own transaction. Errors as
 * `migrate`, and MIGRATION_ONE_WAY where there is no down file.
 */
export function migrateDown(
  databaseUrl: string,
  toVersion: number,
  options: MigrateOptions = {},
): Promise<readonly string[]> {
  return alone(databaseUrl, options, async (client, migrations, before, patience) => {
    refuseUnknown(migrations, before);
    const undone: string[] = [];
    for (const { version } of before.toReversed()) {
      const migration = migrations.find((one) => one.version === version);
      if (version <= toVersion || migration === undefined) continue;
      const { down } = migration;
      if (down === null) throw oneWay(migration);
      await patiently(client, patience, labelOf(migration), () =>
        inTransaction(client, migration, async () => {
          await client.query(down);
          await client.query("delete from schema_migrations where version = $1", [version]);
        }),
      );
      undone.push(labelOf(migration));
    }
    return undone;
  });
}

const notOwner = (pending: number) =>
  new HoldfastError({
    code: "MIGRATION_NOT_OWNER",
    message: `The schema lacks ${pending} migrations, and this role may not change it. Nothing was changed.`,
    next: "Name the owner's address in HOLDFAST_DATABASE_URL and run: npx holdfast migrate up",
  });

const oneWay = (migration: Migration) =>
  new HoldfastError({
    code: "MIGRATION_ONE_WAY",
    message: `Migration ${labelOf(migration)} has no down file; what lay above it was undone.`,
    next: "Restore a backup made before it: npx holdfast migrate backup makes one.",
  });

export interface SchemaReport {
  readonly migrations: readonly { readonly label: string; readonly state: "applied" | "pending" }[];
  /** Empty: the schema agrees with the files. */
  readonly problems: readonly string[];
}

/** Compares the database's schema with the files; changes nothing. */
export function readSchema(
  databaseUrl: string,
  options: MigrateOptions = {},
): Promise<SchemaReport> {
  return alone(databaseUrl, options, async (client, migrations, applied) => {
    const byVersion = new Map(applied.map((one) => [one.version, one]));
    const known = new Set(migrations.map(({ version }) => version));
    const edited = migrations.filter(({ version, checksum }) => {
      const there = byVersion.get(version);
      return there !== undefined && there.checksum !== checksum;
    });
    const problems = [
      ...migrations
        .filter(({ version }) => !byVersion.has(version))
        .map((one) => `${labelOf(one)} is pending`),
      ...edited.map((one) => `${labelOf(one)} was edited after it was applied`),
      ...applied
        .filter(({ version }) => !known.has(version))
        .map((one) => `${labelOf(one)} was applied by a newer program`),
      ...(await invalidIndexes(client)).map((name) => `the index ${name} is not valid`),
    ];
    return {
      migrations: migrations.map((one) => ({
        label: labelOf(one),
        state: byVersion.has(one.version) ? "applied" : "pending",
      })),
      problems,
    };
  });
}
