import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tokenMachine, tokenRules } from "../../machines/token.ts";
import { rehearseHandover } from "../../src/accounts/rehearsal.ts";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { createTokenStore } from "../../src/adapters/postgres/token-store.ts";
import { createWaitStore } from "../../src/adapters/postgres/wait-store.ts";
import { createTestDatabase } from "../fixtures/database.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

describe("the rehearsal of a handover in Postgres", () => {
  const sealer = createSealer(createKeyRing([randomBytes(32)]));
  let database: Database;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    const testDatabase = await createTestDatabase();
    drop = testDatabase.drop;
    database = openDatabase(testDatabase.url, { poolMax: 3 });
    await database.query(
      `with i as (insert into incarnations (id, host, proof) values ('i1', 'h1', '{}')),
       a as (insert into accounts (name, kind, serving_slot, credentials) values ('one', 'bot', 1, '')),
       u as (insert into authorisations (account, slot, state) values ('one', 1, 'SERVING'))
       insert into tokens (account, slot) values ('one', 1)`,
    );
  });
  afterEach(async () => {
    await database.close();
    await drop();
  });

  const everything = () =>
    database.query(
      `select (select json_agg(t) from tokens t) as tokens, (select json_agg(a) from accounts a) as accounts,
         (select json_agg(i) from incarnations i) as incarnations,
         (select count(*) from lifecycle_events) as events, (select count(*) from telegram_waits) as waits`,
    );
  /** On each connection at once. */
  const plannedBy = () =>
    Promise.all(
      Array.from({ length: 3 }, async () => {
        const text = "select name, pg_sleep(0.05) from pg_prepared_statements order by name";
        const rows = await database.query<{ name: string }>(text);
        return rows.map(({ name }) => name);
      }),
    );

  it("has every connection plan its statements, and changes nothing", async () => {
    const before = await everything();
    const rules = tokenRules(tokenMachine);
    const stores = {
      accounts: createAccountStore(database, sealer, rules),
      tokens: createTokenStore(database, rules),
      waits: createWaitStore(database),
    };
    // One pool plays both here, one after the other.
    await rehearseHandover(
      { ...stores, connections: { custody: 3, others: 0 } },
      createTestClock(),
    );
    await rehearseHandover(
      { ...stores, connections: { custody: 0, others: 3 } },
      createTestClock(),
    );
    const planned = [
      "grant",
      "open-renewal",
      "record-transition",
      "session-of-slot",
      "slot-needs",
      "telegram-user-of-account",
      "token-connected",
      "token-released",
      "waits-in-force",
    ];
    expect(await plannedBy()).toEqual([planned, planned, planned]);
    expect(await everything()).toEqual(before);
  });
});
