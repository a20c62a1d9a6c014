import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCursorStore } from "../../../src/adapters/postgres/cursor-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import type { CursorStore } from "../../../src/ports/conversation/cursor-store.ts";
import { createTestDatabase } from "../../fixtures/database.ts";

const grant = { account: "one", slot: 1, epoch: 1 };
const place = { positions: [0, 4], losses: 0 };
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
    expect(await cursors.advance(grant, null, at(5), place)).toBe(true);
    expect(await cursors.advance(grant, at(5), at(7), place)).toBe(true);
    expect(await cursors.load("one")).toEqual({ cursor: at(7), place, reading: null });
  });

  it("refuses an epoch that moved on (I6)", async () => {
    expect(await cursors.advance({ ...grant, epoch: 0 }, null, at(5), place)).toBe(false);
    expect(await cursors.load("one")).toBeNull();
  });

  it("refuses to go on from a cursor that a restored database does not have", async () => {
    await cursors.advance(grant, null, at(5), place);
    expect(await cursors.advance(grant, at(9), at(10), place)).toBe(false);
    expect(await cursors.advance(grant, null, at(10), place)).toBe(false);
    await database.query("delete from update_cursors");
    expect(await cursors.advance(grant, at(5), at(10), place)).toBe(false);
    expect(await cursors.load("one")).toBeNull();
  });

  it("counts as settled where the account began, until a later cursor is marked", async () => {
    await cursors.advance(grant, null, at(5), place);
    await cursors.advance(grant, at(5), at(7), place);
    expect(await cursors.settled("one")).toEqual(at(5));
    expect(await cursors.settled("another")).toBeNull();
  });

  describe("while a gap is read back", () => {
    const reading = {
      fromPts: 5,
      toPts: 90,
      sinceDate: 100,
      unread: [{ userId: "7", accessHash: "70" }],
      recovered: 3,
      missing: ["a chat"],
    };
    const { fromPts, toPts, missing } = reading;
    const gap = { fromPts, toPts, recovered: 4, missing };

    it("keeps how far it has come, in place of what was kept before", async () => {
      await cursors.advance(grant, null, at(5), place);
      expect(await cursors.keepReading(grant, { ...reading, unread: [] })).toBe(true);
      expect(await cursors.keepReading(grant, reading)).toBe(true);
      expect(await cursors.load("one")).toEqual({ cursor: at(5), place, reading });
    });

    it("reports the gap at the end, with what is missing, and where its messages are stored", async () => {
      await cursors.advance(grant, null, at(5), place);
      await cursors.keepReading(grant, reading);
      const later = { positions: [0, 9], losses: 0 };
      expect(await cursors.endReading(grant, gap, later)).toBe(true);
      expect(await cursors.load("one")).toEqual({ cursor: at(5), place: later, reading: null });
      const reported = await database.query(
        `select from_pts as "fromPts", to_pts as "toPts", recovered, missing from update_gaps`,
      );
      expect(reported).toEqual([gap]);
    });

    it("takes no word of a holder whose epoch has moved on (I6)", async () => {
      await cursors.advance(grant, null, at(5), place);
      await cursors.keepReading(grant, reading);
      const stale = { ...grant, epoch: 0 };
      expect(await cursors.keepReading(stale, { ...reading, unread: [] })).toBe(false);
      expect(await cursors.endReading(stale, gap, place)).toBe(false);
      expect(await cursors.load("one")).toEqual({ cursor: at(5), place, reading });
      expect(await database.query("select from update_gaps")).toEqual([]);
    });
  });
});
