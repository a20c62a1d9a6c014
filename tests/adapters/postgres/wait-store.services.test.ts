import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createWaitStore } from "../../../src/adapters/postgres/wait-store.ts";
import { type WaitStore, waitsMax } from "../../../src/ports/telegram/waits.ts";
import { createTestDatabase } from "../../fixtures/database.ts";

const nowMs = 1_700_000_000_000;
const wait = (method: string, seconds: number, chat: string | null = null) => ({
  method,
  chat,
  code: "FLOOD_WAIT",
  untilMs: nowMs + seconds * 1000,
});

describe("the waits in Postgres", () => {
  let database: Database;
  let waits: WaitStore;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    const testDatabase = await createTestDatabase();
    drop = testDatabase.drop;
    database = openDatabase(testDatabase.url);
    waits = createWaitStore(database);
    await database.query(
      "insert into accounts (name, kind, credentials) values ('one', 'bot', ''), ('two', 'bot', '')",
    );
  });
  afterEach(async () => {
    await database.close();
    await drop();
  });

  it("are those of each account that have not ended, the one that ends last first", async () => {
    await waits.keep("one", wait("updates.getDifference", 60), nowMs);
    await waits.keep("one", wait("messages.sendMessage", 90, "user 5"), nowMs);
    await waits.keep("two", wait("auth.sendCode", 30), nowMs);
    expect(await waits.inForce(["one", "two"], nowMs)).toEqual(
      new Map([
        ["one", [wait("messages.sendMessage", 90, "user 5"), wait("updates.getDifference", 60)]],
        ["two", [wait("auth.sendCode", 30)]],
      ]),
    );
    expect([...(await waits.inForce(["one", "two"], nowMs + 60_000)).values()]).toEqual([
      [wait("messages.sendMessage", 90, "user 5")],
    ]);
    expect(await waits.inForce(["two"], nowMs + 30_000)).toEqual(new Map());
  });

  it("are not shortened, also by another host", async () => {
    for (const seconds of [60, 10, 70]) {
      await waits.keep("one", wait("auth.sendCode", seconds), nowMs);
    }
    await waits.keep("one", wait("auth.sendCode", 5), nowMs);
    expect((await waits.inForce(["one"], nowMs)).get("one")).toEqual([wait("auth.sendCode", 70)]);
  });

  it("leave no row behind when they are over, and go with their account", async () => {
    const rows = async () =>
      (await database.query("select account from telegram_waits")).map(({ account }) => account);
    await waits.keep("one", wait("auth.sendCode", 10), nowMs);
    await waits.keep("two", wait("auth.sendCode", 10), nowMs);
    await waits.keep("one", wait("users.getUsers", 60), nowMs + 20_000);
    expect(await rows()).toEqual(["two", "one"]);
    await database.query("delete from accounts where name = 'one'");
    expect(await rows()).toEqual(["two"]);
  });

  it("of one account that are told at a time have a bound", async () => {
    await database.query(
      `insert into telegram_waits (account, method, chat, code, until)
       select 'one', 'messages.sendMessage', n::text, 'FLOOD_WAIT', to_timestamp($1 + n)
       from generate_series(1, $2::int) n`,
      [nowMs / 1000, waitsMax + 5],
    );
    const found = (await waits.inForce(["one"], nowMs)).get("one") ?? [];
    expect(found).toHaveLength(waitsMax);
    expect(found.at(-1)).toMatchObject({ chat: "6" });
  });
});
