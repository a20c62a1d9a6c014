import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { migrate } from "../../../src/adapters/postgres/migrate.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;
let database: Database;
beforeEach(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url);
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

describe("bringing the schema up to date", () => {
  it("does nothing to a schema that is up to date", async () => {
    expect((await migrate(test.url)).applied).toEqual([]);
  });

  it("refuses a database of a newer program and changes nothing", async () => {
    await database.query(
      "insert into schema_migrations (version, name, checksum) values (9999, 'later', 'x')",
    );
    await expect(migrate(test.url)).rejects.toMatchObject({ code: "SCHEMA_NEWER" });
    expect(await database.query("select from accounts")).toEqual([]);
  });

  it("refuses a migration that was edited after it was applied", async () => {
    await database.query("update schema_migrations set checksum = 'other' where version = 1");
    await expect(migrate(test.url)).rejects.toMatchObject({ code: "MIGRATION_EDITED" });
  });

  it("says which database does not answer", async () => {
    await expect(migrate("postgres://127.0.0.1:1/none")).rejects.toMatchObject({
      code: "DATABASE_UNAVAILABLE",
    });
  });
});
