import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCursorStore } from "../../../src/adapters/postgres/cursor-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import type { CursorStore } from "../../../src/ports/conversation/cursor-store.ts";
import { createTestDatabase } from "../../fixtures/database.ts";

const grant = { account: "one", slot: 1, epoch: 1 };
const at = (pts: number) => ({ pts, qts: 0, date: 100, seq: 1 });

describe("the update cursor in Postgres", () => {
  let database: Database;
  let cursors: CursorStore;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    const testDatabase = await createTestDatabase();
    drop = testDatabase.drop;
    database = openDatabase(testDatabase.url);
    cursors = createCursorStore(database);
    await database.query(
      `with i as (insert into incarnations (id, host, proof) values ('i', 'h', '{}')),
       a as (insert into accounts (name, kind, serving_slot, credentials) values ('one', 'bot', 1, '')),
       u as (insert into authorisations (account, slot, state) values ('one', 1, 'SERVING'))
       insert into tokens (account, slot, epoch, state, incarnation)
       values ('one', 1, 1, 'connected', 'i')`,
    );
  });

  afterEach(async () => {
    await database.close();
    await drop();
  });

  it("goes from one stored cursor to the next", async () => {
    expect(await cursors.advance(grant, null, at(5))).toBe(true);
    expect(await cursors.advance(grant, at(5), at(7))).toBe(true);
    expect(await cursors.load("one")).toEqual(at(7));
  });

  it("refuses an epoch that moved on (I6)", async () => {
    expect(await cursors.advance({ ...grant, epoch: 0 }, null, at(5))).toBe(false);
    expect(await cursors.load("one")).toBeNull();
  });

  it("refuses to go on from a cursor that a restored database does not have", async () => {
    await cursors.advance(grant, null, at(5));
    expect(await cursors.advance(grant, at(9), at(10))).toBe(false);
    expect(await cursors.advance(grant, null, at(10))).toBe(false);
    await database.query("delete from update_cursors");
    expect(await cursors.advance(grant, at(5), at(10))).toBe(false);
    expect(await cursors.load("one")).toBeNull();
  });
});
