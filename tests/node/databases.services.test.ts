import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client } from "pg";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { type NodeDatabases, openNodeDatabases } from "../../src/node/databases.ts";
import { createStores, type Stores } from "../../src/node/stores.ts";
import { createTestDatabase, type TestDatabase } from "../fixtures/database.ts";

let test: TestDatabase;
let databases: NodeDatabases;
let stores: Stores;
let locker: Client;

beforeEach(async () => {
  test = await createTestDatabase();
  databases = openNodeDatabases({ databaseUrl: test.url }, "here");
  stores = createStores(databases, createSealer(createKeyRing([randomBytes(32)])));
  locker = new Client({ connectionString: test.url });
  await locker.connect();
  await stores.incarnations.register({ id: "one", host: "here", proof: {} });
});
afterEach(async () => {
  await locker.end();
  await databases.close();
  await test.drop();
});

const quiet = (work: Promise<unknown>) => work.catch(() => undefined);

/** As an `alter table` that waits behind a dump, with everything behind it in turn. */
const lock = (table: string) => locker.query(`begin; lock table ${table} in access exclusive mode`);

/** How many statements of this node wait for a lock. Within its transaction, the locker would see what was at first. */
async function waiting(): Promise<number> {
  const [row] = await databases.others.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity
     where wait_event_type = 'Lock' and datname = current_database()`,
  );
  return row!.n;
}

describe("a lock on one table", () => {
  it("that holds up every connection of the turns holds up no beat, grant or transition", async () => {
    await stores.accounts.add({
      name: "desk",
      kind: "user",
      credentials: { kind: "user", phone: null },
    });
    const ref = await stores.accounts.addSlot("desk");
    await stores.incarnations.beat("one");
    await lock("turn_steps");
    const turn = { channel: "telegram", account: "desk", inboundId: "m:1" };
    const held = Array.from({ length: 40 }, () => quiet(stores.steps.find(turn, "order")));
    await expect.poll(waiting, { timeout: 10_000 }).toBeGreaterThanOrEqual(8);
    expect(await stores.incarnations.beat("one")).toEqual({ state: "LIVE", beats: 2 });
    expect(await stores.tokens.grant(ref, "one")).toMatchObject({ applied: true });
    await stores.accounts.recordTransition({
      account: "desk",
      renewal: null,
      from: "seeking",
      to: "connecting",
      event: "token.granted",
      epoch: 1,
      reason: null,
      step: null,
    });
    expect(await waiting()).toBeGreaterThanOrEqual(8);
    await locker.query("rollback");
    await Promise.all(held);
  });

  it("of the hosts themselves is told from a database that does not answer", async () => {
    await stores.incarnations.beat("one");
    await lock("incarnations");
    expect(await stores.incarnations.beat("one")).toEqual({ state: "LOCKED" });
    expect(await stores.incarnations.marksOfOthers("one")).toBeNull();
    await locker.query("rollback");
    expect(await stores.incarnations.beat("one")).toEqual({ state: "LIVE", beats: 2 });
  });
});

describe("a node's connections", () => {
  it("say in Postgres what they are for", async () => {
    await Promise.all([
      stores.incarnations.beat("one"),
      stores.accounts.list(),
      stores.steps.clear(1),
      stores.callers.list(),
    ]);
    const { rows } = await locker.query<{ name: string }>(
      `select distinct application_name as name from pg_stat_activity
       where datname = current_database() and application_name like 'holdfast %' order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual([
      "holdfast beats here",
      "holdfast custody here",
      "holdfast others here",
      "holdfast turns here",
    ]);
  });
});
