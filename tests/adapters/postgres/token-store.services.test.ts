import { Client } from "pg";
import { describe, expect, it } from "vitest";
import { specifyTokenStore } from "../../contracts/token-store.ts";
import { openCustodyStores } from "../../fixtures/custody-stores.ts";

specifyTokenStore(openCustodyStores);

describe("tokens in Postgres", () => {
  it("makes a grant wait for a revocation that is under way, and then refuses it", async () => {
    const { url, database, tokens, incarnations, close } = await openCustodyStores();
    const revoker = new Client({ connectionString: url });
    try {
      await incarnations.register({ id: "i1", host: "h1", proof: {} });
      await revoker.connect();
      await revoker.query("begin");
      await revoker.query("update incarnations set state = 'REVOKED' where id = 'i1'");
      const granting = tokens.grant({ account: "one", slot: 1 }, "i1");
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
