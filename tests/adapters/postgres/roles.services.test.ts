import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { migrate } from "../../../src/adapters/postgres/migrate.ts";
import { readerRole, runtimeRole } from "../../../src/adapters/postgres/roles.ts";
import { warnOfOwner } from "../../../src/adapters/postgres/schema-owner.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
const as: Record<string, Database> = {};

const urlAs = (role: string): string => {
  const url = new URL(test.url);
  url.username = role;
  return url.href;
};

beforeAll(async () => {
  test = await createTestDatabase();
  for (const role of [runtimeRole, readerRole])
    as[role] = openDatabase(urlAs(role), { poolMax: 1 });
  as["owner"] = openDatabase(test.url, { poolMax: 1 });
});
afterAll(async () => {
  for (const database of Object.values(as)) await database.close();
  await test.drop();
});

const refused = { code: "DATABASE_REFUSES", cause: { code: "42501" } };

describe("the role of hosts", () => {
  it("adds to the ledger", async () => {
    const written = await as[runtimeRole]!.query(
      "insert into custody_ledger (incarnation, seq, host, line) values ('i', 1, 'h', '{}') returning seq::int",
    );
    expect(written).toEqual([{ seq: 1 }]);
  });

  it.each([
    "alter table custody_ledger disable trigger all",
    "alter table custody_ledger disable trigger custody_ledger_append_only",
    "delete from custody_ledger",
    "update custody_ledger set line = ''",
    "truncate custody_ledger",
    "drop trigger custody_ledger_append_only on custody_ledger",
    "create table own (id int)",
    "drop table custody_heads",
    "create or replace function custody_ledger_is_append_only() returns trigger language plpgsql as 'begin return null; end'",
    "set session_replication_role = replica",
    "update schema_migrations set checksum = 'other'",
    "delete from schema_migrations",
    "alter role holdfast_runtime superuser",
    "set role holdfast",
  ])("may not: %s", async (statement) => {
    await expect(as[runtimeRole]!.query(statement)).rejects.toMatchObject(refused);
  });

  it("finds an up-to-date schema to be so, and lacks the right to bring an older one up", async () => {
    expect(await migrate(urlAs(runtimeRole))).toMatchObject({ applied: [] });
    const [last] = await as["owner"]!.query<{ version: number; name: string; checksum: string }>(
      "delete from schema_migrations where version = (select max(version) from schema_migrations) returning *",
    );
    await expect(migrate(urlAs(runtimeRole))).rejects.toMatchObject({
      code: "MIGRATION_NOT_OWNER",
    });
    await as["owner"]!.query(
      "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
      [last!.version, last!.name, last!.checksum],
    );
  });
});

describe("the role of readers", () => {
  it("reads every table", async () => {
    const tables = await as["owner"]!.query<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public'",
    );
    expect(tables.length).toBeGreaterThan(10);
    for (const { name } of tables) await as[readerRole]!.query(`select from ${name} limit 1`);
  });

  it.each(["delete from accounts", "insert into fleet (id) values ('x')"])(
    "changes nothing: %s",
    async (statement) => {
      await expect(as[readerRole]!.query(statement)).rejects.toMatchObject(refused);
    },
  );
});

it("a host that connects as the owner is told so, and one of the role of hosts is not", async () => {
  const lines: string[] = [];
  await warnOfOwner(as[runtimeRole]!, (line) => lines.push(line));
  expect(lines).toEqual([]);
  await warnOfOwner(as["owner"]!, (line) => lines.push(line));
  expect(lines).toEqual([expect.stringContaining('The database role "holdfast" is a superuser')]);
});
