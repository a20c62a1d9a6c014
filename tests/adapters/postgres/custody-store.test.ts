import { Client } from "pg";
import { describe, expect, it } from "vitest";
import { createCustodyStore } from "../../../src/adapters/postgres/custody-store.ts";
import { openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createTokenStore } from "../../../src/adapters/postgres/token-store.ts";
import { specifyCustodyStore } from "../../contracts/custody-store.ts";
import { createTestDatabase } from "../../support/database.ts";

async function open() {
  const testDatabase = await createTestDatabase();
  const database = openDatabase(testDatabase.url);
  for (const account of ["one", "two"]) {
    await database.query(
      `with a as (insert into accounts (name, kind, serving_slot, credentials) values ($1, 'bot', 1, '')),
       u as (insert into authorisations (account, slot, state) values ($1, 1, 'SERVING'))
       insert into tokens (account, slot) values ($1, 1)`,
      [account],
    );
  }
  return {
    url: testDatabase.url,
    database,
    store: { ...createTokenStore(database), ...createCustodyStore(database) },
    accounts: ["one", "two"] as const,
    async close() {
      await database.close();
      await testDatabase.drop();
    },
  };
}

specifyCustodyStore(open);

describe("custody in Postgres", () => {
  it("makes a grant wait for a revocation that is under way, and then refuses it", async () => {
    const { url, database, store, close } = await open();
    const revoker = new Client({ connectionString: url });
    try {
      await store.registerIncarnation({ id: "i1", host: "h1", proof: {} });
      await revoker.connect();
      await revoker.query("begin");
      await revoker.query("update incarnations set state = 'REVOKED' where id = 'i1'");
      const granting = store.grant({ account: "one", slot: 1 }, "i1");
      await expect
        .poll(async () => {
          const [row] = await database.query<{ waiting: string }>(
            "select count(*) as waiting from pg_locks where not granted",
          );
          return Number(row?.waiting);
        })
        .toBeGreaterThan(0);
      await revoker.query("commit");
      expect(await granting).toMatchObject({ applied: false, token: { state: "free" } });
    } finally {
      await revoker.end();
      await close();
    }
  });
});
