import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKeyRing } from "../../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
let database: Database;
beforeAll(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url);
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

const accounts = () => createAccountStore(database, createSealer(createKeyRing([randomBytes(32)])));
type Store = ReturnType<typeof accounts>;

const bot = (name: string, token = "70:first") =>
  ({ name, kind: "bot", credentials: { kind: "bot", token } }) as const;

const session = () => ({
  keyId: randomBytes(8).toString("hex"),
  bytes: Buffer.from("a session"),
});

/** An account that serves, and has talked. */
async function talked(store: Store, name: string): Promise<void> {
  await store.add(bot(name));
  const slot = await store.addSlot(name);
  await store.saveSession(slot, session(), "key-stored");
  await store.adoptFirstSlot(slot, "70");
  await store.recordTransition({
    account: name,
    renewal: null,
    from: "seeking",
    to: "active",
    event: "connected",
    epoch: 1,
    reason: null,
    step: null,
  });
  for (const user of ["1", "2"]) {
    const [row] = await database.query<{ id: string }>(
      `insert into conversation_sessions (channel, account, chat_user) values ('telegram', $1, $2) returning id::text`,
      [name, user],
    );
    await database.query(
      `insert into turns (session_id, seq, channel, account, inbound_id, asked)
       values ($1, 1, 'telegram', $2, $3, 'hello')`,
      [row!.id, name, `m:${user}`],
    );
  }
  await database.query(
    `insert into turn_steps (channel, account, inbound_id, name, result) values ('telegram', $1, 'm:1', 'order', '{}')`,
    [name],
  );
  await database.query(
    "insert into update_cursors (account, pts, qts, date, seq) values ($1, 1, 1, 1, 1)",
    [name],
  );
}

/** Append-only records, which keep the names of accounts that are gone. */
const recordTables: ReadonlySet<string> = new Set(["audit", "custody_ledger"]);

/** Rows that name the account, in every table with a column for one. */
async function rowsOf(name: string): Promise<Readonly<Record<string, number>>> {
  const tables = await database.query<{ table: string }>(
    `select c.table_name as "table" from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = current_schema() and c.column_name = 'account' and t.table_type = 'BASE TABLE'`,
  );
  const counted: Record<string, number> = {};
  for (const { table } of tables) {
    if (recordTables.has(table)) continue;
    const [row] = await database.query<{ rows: number }>(
      `select count(*)::int as rows from ${table} where account = $1`,
      [name],
    );
    if (row!.rows > 0) counted[table] = row!.rows;
  }
  return counted;
}

describe("the removal of an account", () => {
  it("leaves no row that names it but in the records, and others as they are", async () => {
    const store = accounts();
    await talked(store, "gone");
    await talked(store, "stays");
    const others = await rowsOf("stays");
    expect(Object.keys(others).length).toBeGreaterThan(6);
    await store.want("gone", "stop");
    await store.remove("gone");
    expect(await store.find("gone")).toBeNull();
    expect(await rowsOf("gone")).toEqual({});
    expect(await rowsOf("stays")).toEqual(others);
  });

  it("is refused while the account is wanted, or a host holds its token", async () => {
    const store = accounts();
    await talked(store, "held");
    const before = await rowsOf("held");
    await expect(store.remove("held")).rejects.toMatchObject({ code: "ACCOUNT_HELD" });
    await database.query("insert into incarnations (id, host, proof) values ('i9', 'h', '{}')");
    await database.query(
      "update tokens set state = 'granted', incarnation = 'i9', epoch = 1 where account = 'held'",
    );
    await store.want("held", "stop");
    await expect(store.remove("held")).rejects.toMatchObject({
      code: "ACCOUNT_HELD",
      policy: "retryable",
    });
    expect(await rowsOf("held")).toEqual(before);
    await expect(store.remove("no-such")).rejects.toMatchObject({ code: "ACCOUNT_UNKNOWN" });
  });

  it("lets a host that had it record its end all the same, and leaves no trace of that", async () => {
    const store = accounts();
    await talked(store, "late");
    await store.want("late", "stop");
    await store.remove("late");
    await store.recordTransition({
      account: "late",
      renewal: null,
      from: "unauthorised.waiting",
      to: "stopped",
      event: "stop",
      epoch: 0,
      reason: null,
      step: null,
    });
    expect(await rowsOf("late")).toEqual({});
  });

  it("frees the name, under which no slot and no epoch comes a second time", async () => {
    const store = accounts();
    await talked(store, "again");
    await store.addSlot("again");
    await store.want("again", "stop");
    await store.remove("again");
    await store.add(bot("again", "71:other"));
    expect(await store.addSlot("again")).toEqual({ account: "again", slot: 3 });
    await store.want("again", "stop");
    await store.remove("again");
    const origin = "imported" as const;
    expect(await store.importSession({ name: "again", session: session(), origin })).toEqual({
      account: "again",
      slot: 4,
    });
  });
});

describe("an account that never served", () => {
  it("is made again by what a person corrects", async () => {
    const store = accounts();
    await store.add(bot("typed", "70:wrong"));
    await store.add(bot("typed", "70:right"));
    expect(await store.credentials("typed")).toEqual({ kind: "bot", token: "70:right" });
  });

  it("gives the key of a failed import free for the next", async () => {
    const store = accounts();
    const [name, origin] = ["carried", "imported"] as const;
    const brought = session();
    await store.importSession({ name, session: brought, origin });
    expect(await store.importSession({ name, session: brought, origin })).toEqual({
      account: name,
      slot: 2,
    });
    expect(await store.slots(name)).toMatchObject([
      { slot: 1, state: "DISCARDED", keyId: null },
      { slot: 2, state: "PENDING", keyId: brought.keyId },
    ]);
  });

  it("is not made again once it serves, nor as another kind, nor beside a key that may be logged in", async () => {
    const store = accounts();
    await talked(store, "serves");
    await expect(store.add(bot("serves"))).rejects.toMatchObject({ code: "ACCOUNT_EXISTS" });
    await store.add(bot("kind"));
    await expect(
      store.add({
        name: "kind",
        kind: "user",
        credentials: { kind: "user", phone: "+33612345678" },
      }),
    ).rejects.toMatchObject({ code: "ACCOUNT_EXISTS" });
    await store.saveSession(await store.addSlot("kind"), session(), "key-stored");
    await expect(store.add(bot("kind"))).rejects.toMatchObject({ code: "ACCOUNT_EXISTS" });
  });
});

describe("a bot's token", () => {
  it("is replaced by another of the same bot, and by no other's", async () => {
    const store = accounts();
    await talked(store, "robot");
    await store.replaceToken("robot", "70:second");
    expect(await store.credentials("robot")).toEqual({ kind: "bot", token: "70:second" });
    await expect(store.replaceToken("robot", "71:second")).rejects.toMatchObject({
      code: "OTHER_ACCOUNT",
    });
    expect(await store.credentials("robot")).toEqual({ kind: "bot", token: "70:second" });
  });

  it("may become any bot's where the account never served, and is none of a user's", async () => {
    const store = accounts();
    await store.add(bot("fresh", "70:first"));
    await store.replaceToken("fresh", "71:second");
    expect(await store.credentials("fresh")).toEqual({ kind: "bot", token: "71:second" });
    await store.add({ name: "person", kind: "user", credentials: { kind: "user", phone: null } });
    await expect(store.replaceToken("person", "71:x")).rejects.toMatchObject({
      code: "OTHER_KIND",
    });
    await expect(store.replaceToken("no-such", "71:x")).rejects.toMatchObject({
      code: "ACCOUNT_UNKNOWN",
    });
  });
});
