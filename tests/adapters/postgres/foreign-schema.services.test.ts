import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { migrate, migrateDown, readSchema } from "../../../src/adapters/postgres/migrate.ts";
import { createEmptyDatabase, type TestDatabase } from "../../fixtures/database.ts";
import { createOldBot, fillByRace } from "../../fixtures/old-bot.ts";

let test: TestDatabase;
let database: Database;
beforeEach(async () => {
  test = await createEmptyDatabase();
  database = openDatabase(test.url);
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

const relations = async () =>
  (
    await database.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace order by 1`,
    )
  ).map(({ name }) => name);

const foreign = {
  code: "DATABASE_FOREIGN",
  next: expect.stringContaining("adopt conversations --from"),
};

describe("a database of another program", () => {
  it("is refused before the first migration, with its tables, and nothing is made in it", async () => {
    const old = await createOldBot();
    await fillByRace(old, { users: 3, messages: 12 });
    const before = await old.fingerprint();
    const tables = () =>
      old.run("select relname from pg_class where relnamespace = 'public'::regnamespace");
    const had = await tables();
    const looks = [migrate, readSchema, (url: string) => migrateDown(url, 0)];
    for (const look of looks) {
      await expect(look(old.url)).rejects.toMatchObject({
        ...foreign,
        message: expect.stringContaining("(conversation_sessions, messages, subcontractors)"),
      });
    }
    expect(await tables()).toEqual(had);
    expect(await old.fingerprint()).toBe(before);
    await old.drop();
  });

  it("is refused though it has a table schema_migrations, as other programs do", async () => {
    await database.query("create table schema_migrations (version text primary key)");
    await database.query("create table orders (id int)");
    await expect(migrate(test.url)).rejects.toMatchObject({
      ...foreign,
      message: expect.stringContaining("(orders, schema_migrations)"),
    });
    expect(await relations()).toEqual(["orders", "schema_migrations", "schema_migrations_pkey"]);
  });

  it("is refused where an older version has begun to migrate beside its sessions", async () => {
    await migrate(test.url);
    await migrateDown(test.url, 1);
    await database.query("create table conversation_sessions (id uuid, subcontractor_id uuid)");
    await expect(migrate(test.url)).rejects.toMatchObject(foreign);
  });
});

describe("a database that is not another program's", () => {
  it("is migrated when it holds nothing but what an extension has made", async () => {
    await database.query("create extension pg_stat_statements");
    expect(await relations()).toContain("pg_stat_statements");
    expect((await migrate(test.url)).applied.length).toBeGreaterThan(20);
  });

  it("is migrated again after all was undone, and beside a table of an operator's", async () => {
    await migrate(test.url);
    await migrateDown(test.url, 0);
    await database.query("create table of_an_operator (id int)");
    expect((await migrate(test.url)).applied.length).toBeGreaterThan(20);
    expect((await migrate(test.url)).applied).toEqual([]);
  });
});
