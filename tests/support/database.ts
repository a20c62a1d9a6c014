import { createHash, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Client } from "pg";
import { inject } from "vitest";
import { migrate } from "../../src/adapters/postgres/migrate.ts";

export interface TestDatabase {
  readonly url: string;
  /** Ends all remaining connections. */
  drop(): Promise<void>;
}

const migrations = new URL("../../migrations/", import.meta.url);
const templateLock = 2_611_2026;

function templateName(): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(migrations).toSorted())
    hash.update(file).update(readFileSync(new URL(file, migrations)));
  return `template_${hash.digest("hex").slice(0, 12)}`;
}

const urlOf = (serverUrl: string, database: string): string => {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
};

async function withServer<Result>(task: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: inject("databaseServerUrl") });
  await client.connect();
  try {
    return await task(client);
  } finally {
    await client.end();
  }
}

/** The migrated database that is cloned; the first caller makes it while the others wait. */
async function ensureTemplate(client: Client, name: string): Promise<void> {
  await client.query("select pg_advisory_lock($1)", [templateLock]);
  const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [name]);
  if (rowCount === 0) {
    const draft = `${name}_draft`;
    await client.query(`drop database if exists ${draft} with (force)`);
    await client.query(`create database ${draft}`);
    await migrate(urlOf(inject("databaseServerUrl"), draft));
    await client.query(`alter database ${draft} rename to ${name}`);
  }
  await client.query("select pg_advisory_unlock($1)", [templateLock]);
}

/** A database of its own for a test or a file of tests: all migrations applied, no rows of other tests. */
export function createTestDatabase(): Promise<TestDatabase> {
  return withServer(async (client) => {
    const template = templateName();
    await ensureTemplate(client, template);
    const name = `test_${randomUUID().replaceAll("-", "")}`;
    await client.query(`create database ${name} template ${template}`);
    return {
      url: urlOf(inject("databaseServerUrl"), name),
      drop: () =>
        withServer(async (later) => {
          await later.query(`drop database if exists ${name} with (force)`);
        }),
    };
  });
}
