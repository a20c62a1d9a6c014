import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCursorStore } from "../../../src/adapters/postgres/cursor-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createStreamLossStore } from "../../../src/adapters/postgres/stream-loss-store.ts";
import type { CursorStore } from "../../../src/ports/conversation/cursor-store.ts";
import type { StreamLossStore } from "../../../src/ports/conversation/stream-losses.ts";
import type { StreamState } from "../../../src/ports/conversation/stream-state.ts";
import { createTestDatabase } from "../../fixtures/database.ts";

const grant = { account: "one", slot: 1, epoch: 1 };
const at = (pts: number) => ({ pts, qts: 0, date: 100, seq: 1 });
const streams = (lastSeq: number, change: Partial<StreamState> = {}): StreamState[] => [
  { partition: 0, created: "monday", settledSeq: lastSeq, lastSeq, ...change },
];
const lossOf = (knownSeq: number, foundSeq: number) => [
  { partition: 0, knownSeq, foundSeq, messagesMax: 2 },
];

let database: Database;
let store: StreamLossStore;
let cursors: CursorStore;
let drop: () => Promise<void>;

beforeEach(async () => {
  const testDatabase = await createTestDatabase();
  drop = testDatabase.drop;
  database = openDatabase(testDatabase.url);
  store = createStreamLossStore(database);
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

const first = async () => (await store.known()).streams.find(({ partition }) => partition === 0);

describe("what the streams have acknowledged", () => {
  it("is known as far as it was seen, or as an account's cursor goes beyond it", async () => {
    expect((await store.known()).streams).toHaveLength(8);
    expect(await first()).toMatchObject({ created: "", lastSeq: 0 });
    expect(await store.note(0, streams(10), [])).toEqual({ losses: 0, isWritten: true });
    expect(await first()).toMatchObject({ created: "monday", settledSeq: 10, lastSeq: 10 });
    await cursors.advance(grant, null, at(5), { positions: [14], losses: 0 });
    expect(await first()).toMatchObject({ settledSeq: 10, lastSeq: 14 });
    await store.note(0, streams(12), []);
    expect(await first()).toMatchObject({ settledSeq: 12, lastSeq: 14 });
  });

  it("counts a loss once, whichever host finds it", async () => {
    await store.note(0, streams(10), []);
    const found = streams(6);
    const [one, other] = await Promise.all([
      store.note(0, found, lossOf(10, 6)),
      createStreamLossStore(database).note(0, found, lossOf(10, 6)),
    ]);
    expect([one, other].filter(({ isWritten }) => isWritten)).toHaveLength(1);
    expect([one.losses, other.losses]).toEqual([1, 1]);
    expect(await first()).toMatchObject({ lastSeq: 6 });
    const rows = await database.query(
      `select partition, known_seq::int, found_seq::int, messages_max::int from inbound_losses`,
    );
    expect(rows).toEqual([{ partition: 0, known_seq: 10, found_seq: 6, messages_max: 2 }]);
  });

  it("leaves out positions that were given before the loss", async () => {
    await store.note(0, streams(10), []);
    await cursors.advance(grant, null, at(5), { positions: [14], losses: 0 });
    await store.note(0, streams(6), lossOf(14, 6));
    expect(await store.known()).toMatchObject({ losses: 1 });
    expect(await first()).toMatchObject({ lastSeq: 6 });
    await cursors.advance(grant, at(5), at(6), { positions: [7], losses: 1 });
    expect(await first()).toMatchObject({ lastSeq: 7 });
  });
});

describe("the mark of a cursor", () => {
  const settledPts = async () => (await cursors.settled("one"))?.pts;
  const place = { positions: [0, 20], losses: 0 };

  it("moves to a cursor when all before it has had its turn, in each partition", async () => {
    await cursors.advance(grant, null, at(5), { positions: [], losses: 0 });
    await cursors.advance(grant, at(5), at(7), place);
    await store.mark("i", 0, [50, 19]);
    await cursors.advance(grant, at(7), at(9), { positions: [0, 30], losses: 0 });
    await store.mark("i", 0, [50, 19]);
    expect(await settledPts()).toBe(5);
    await store.mark("i", 0, [50, 20]);
    expect(await settledPts()).toBe(7);
    await store.mark("i", 0, [50, 30]);
    expect(await settledPts()).toBe(9);
  });

  it("is not moved by another holder's node", async () => {
    await cursors.advance(grant, null, at(5), { positions: [], losses: 0 });
    await cursors.advance(grant, at(5), at(7), place);
    for (let times = 0; times < 2; times += 1) await store.mark("other", 0, [50, 50]);
    expect(await settledPts()).toBe(5);
  });

  it("stays while a gap is read back, whose messages lie behind the cursor", async () => {
    const reading = { fromPts: 5, toPts: 7, sinceDate: 1, unread: [], recovered: 0, missing: [] };
    await cursors.advance(grant, null, at(5), { positions: [], losses: 0 });
    await cursors.keepReading(grant, reading);
    await cursors.advance(grant, at(5), at(7), place);
    for (let times = 0; times < 2; times += 1) await store.mark("i", 0, [50, 50]);
    expect(await settledPts()).toBe(5);
    await cursors.endReading(grant, reading, place);
    for (let times = 0; times < 2; times += 1) await store.mark("i", 0, [50, 50]);
    expect(await settledPts()).toBe(7);
  });

  it("takes no position that was given before a loss for one after it (I5)", async () => {
    await cursors.advance(grant, null, at(5), { positions: [], losses: 0 });
    await cursors.advance(grant, at(5), at(7), place);
    await store.mark("i", 0, [0, 0]);
    await store.note(0, streams(6), lossOf(20, 6));
    for (let times = 0; times < 2; times += 1) await store.mark("i", 1, [50, 50]);
    expect(await settledPts()).toBe(5);
    await cursors.advance(grant, at(7), at(5), { positions: [], losses: 1 });
    await cursors.advance(grant, at(5), at(8), { positions: [0, 8], losses: 1 });
    for (let times = 0; times < 2; times += 1) await store.mark("i", 1, [50, 50]);
    expect(await settledPts()).toBe(8);
  });
});
