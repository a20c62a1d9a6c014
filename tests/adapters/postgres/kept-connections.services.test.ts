import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
let onlooker: Database;
beforeAll(async () => {
  test = await createTestDatabase();
  onlooker = openDatabase(test.url);
});
afterAll(async () => {
  await onlooker.close();
  await test.drop();
});

async function connectionsOf(name: string): Promise<number> {
  const [row] = await onlooker.query<{ count: number }>(
    "select count(*)::int as count from pg_stat_activity where application_name = $1",
    [name],
  );
  return row!.count;
}

describe("connections that are kept open", () => {
  it("are all there before the first statement", async () => {
    const name = "kept connections";
    const database = openDatabase(test.url, { name, poolMax: 4, keptOpen: 3 });
    await database.warm();
    expect(await connectionsOf(name)).toBe(3);
    await database.close();
  });

  it("are none by default", async () => {
    const name = "no kept connections";
    const database = openDatabase(test.url, { name, poolMax: 4 });
    await database.warm();
    expect(await connectionsOf(name)).toBe(0);
    await database.close();
  });

  it("fail with the statements, not before", async () => {
    const database = openDatabase("postgres://nobody@127.0.0.1:1/nothing", { keptOpen: 2 });
    await database.warm();
    await expect(database.query("select 1")).rejects.toMatchObject({
      code: "DATABASE_UNAVAILABLE",
    });
    await database.close();
  });
});
