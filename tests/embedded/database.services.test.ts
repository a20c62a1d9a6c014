import { Client } from "pg";
import { describe, expect, inject, it } from "vitest";
import { createTestDatabase } from "../fixtures/database.ts";

describe("a test database", () => {
  it("has the schema of the migrations, no rows of another test, and goes when it is dropped", async () => {
    const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    const client = new Client({ connectionString: one.url });
    await client.connect();
    await client.query("insert into accounts (name, kind, credentials) values ('a', 'user', '')");
    await client.end();
    const second = new Client({ connectionString: other.url });
    await second.connect();
    const { rows } = await second.query("select count(*)::int as n from accounts");
    await second.end();
    expect(rows).toEqual([{ n: 0 }]);
    await Promise.all([one.drop(), other.drop()]);
    const server = new Client({ connectionString: inject("databaseServerUrl") });
    await server.connect();
    const left = await server.query("select 1 from pg_database where datname = any($1)", [
      [one, other].map(({ url }) => new URL(url).pathname.slice(1)),
    ]);
    await server.end();
    expect(left.rowCount).toBe(0);
  });
});
