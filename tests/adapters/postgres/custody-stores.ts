import { tokenMachine, type TokenRules, tokenRules } from "../../../machines/token.ts";
import { openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createIncarnationStore } from "../../../src/adapters/postgres/incarnation-store.ts";
import { createTokenStore } from "../../../src/adapters/postgres/token-store.ts";
import { createTestDatabase } from "../../support/database.ts";

/** The stores of custody over a database with two accounts, whose slot 1 serves and whose tokens are free. */
export async function openCustodyStores(rules: TokenRules = tokenRules(tokenMachine)) {
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
    tokens: createTokenStore(database, rules),
    incarnations: createIncarnationStore(database, rules),
    accounts: ["one", "two"] as const,
    async close() {
      await database.close();
      await testDatabase.drop();
    },
  };
}
