import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createFleetHygiene } from "../../../src/adapters/postgres/hygiene-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import type { FleetHygiene, SweepPart } from "../../../src/ports/hygiene.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
let database: Database;
let hygiene: FleetHygiene;
beforeEach(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url, { poolMax: 4 });
  hygiene = createFleetHygiene(database, conversationRules(conversationMachine));
  await database.query(
    "insert into accounts (name, kind, credentials) values ('a', 'user', '\\x00')",
  );
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

const all = { dryRun: false, keepCache: false };

/** Rows of each table, by what tells them apart. */
async function listing(): Promise<Readonly<Record<string, readonly string[]>>> {
  const rows = async (text: string) =>
    (await database.query<{ row: string }>(text)).map(({ row }) => row);
  return {
    steps: await rows("select t::text as row from turn_steps t order by 1"),
    parked: await rows("select t::text as row from parked_turns t order by 1"),
    waits: await rows("select t::text as row from telegram_waits t order by 1"),
    sessions: await rows("select t::text as row from conversation_sessions t order by 1"),
    turns: await rows("select t::text as row from turns t order by 1"),
    others: await rows(`select t::text as row from accounts t union all
      select t::text from outbox t union all select t::text from turn_backlog t union all
      select t::text from webhook_requests t order by 1`),
  };
}

/** A turn that took effect. */
const turn = (id: string) =>
  database.query(
    `insert into turns (session_id, seq, channel, account, inbound_id, asked)
     values (1, (select count(*) from turns), 'telegram', 'a', $1, 'hi')`,
    [id],
  );
const step = (id: string, seconds: number, name = "order") =>
  database.query(
    `insert into turn_steps (channel, account, inbound_id, name, result, created_at)
     values ('telegram', 'a', $1, $3, '1', now() - $2 * interval '1 second')`,
    [id, seconds, name],
  );
const park = (id: string, seconds: number) =>
  database.query(
    `insert into parked_turns (channel, account, chat_user, inbound_id, item, code, reason, parked_at)
     values ('telegram', 'a', '7', $1, '{}', 'X', 'X', now() - $2 * interval '1 second')`,
    [id, seconds],
  );
const wait = (method: string, seconds: number) =>
  database.query(
    `insert into telegram_waits (account, method, code, until)
     values ('a', $1, 'FLOOD_WAIT', now() - $2 * interval '1 second')`,
    [method, seconds],
  );
const session = (user: string, status: string, seconds: number) =>
  database.query(
    `insert into conversation_sessions (channel, account, chat_user, status, turns, last_turn_at)
     values ('telegram', 'a', $1, $2, 3, now() - $3 * interval '1 second')`,
    [user, status, seconds],
  );

const day = 24 * 3600;

/** Of every kind: what may go, what is too young, and what nothing covers. */
async function leaveADay(): Promise<void> {
  for (const id of ["done", "young", "parked-done"]) await turn(id);
  await step("done", 481);
  await step("done", 481, "second");
  await step("young", 470);
  await step("undone", 6 * day);
  await step("never", 8 * day);
  await step("parked", 8 * day);
  await park("parked", 9 * day);
  await park("parked-done", 481);
  await step("parked-done", 481);
  await wait("messages.getHistory", 481);
  await wait("messages.sendMessage", 470);
  await wait("updates.getDifference", -60);
  await session("1", "active", day + 1);
  await session("2", "active", day - 60);
  await session("3", "escalated", 9 * day);
  await session("4", "ended", 9 * day);
  await database.query(
    "insert into webhook_requests (digest, inbound_id, created_at) values ('\\x00', 'm:1', now() - interval '1 year')",
  );
}

const counts = ({ swept }: SweepPart) =>
  Object.fromEntries(swept.map(({ name, count }) => [name, count]));
const sumOf = ({ swept }: SweepPart, kind: string) =>
  swept.filter((one) => one.kind === kind).reduce((sum, { count }) => sum + count, 0);

const expected = {
  "kept outcomes of turns that took effect": 3,
  "kept outcomes of turns that never ended": 1,
  "set-aside messages that took effect": 1,
  "waits of Telegram that are over": 1,
  "sessions at rest for 24 hours, kept as history": 1,
};

describe("a sweep of the fleet's database", () => {
  it("removes what a finished record covers, and its counts are what is gone", async () => {
    await leaveADay();
    const before = await listing();
    const planned = (await hygiene.sweep({ ...all, dryRun: true }))!;
    expect(counts(planned)).toEqual(expected);
    expect(await listing()).toEqual(before);

    const report = (await hygiene.sweep(all))!;
    expect(counts(report)).toEqual(expected);
    expect(report.swept.map(({ bytes }) => bytes)).toEqual(planned.swept.map(({ bytes }) => bytes));
    const after = await listing();
    const gone = (table: string) => before[table]!.length - after[table]!.length;
    expect([gone("steps"), gone("parked"), gone("waits")]).toEqual([4, 1, 1]);
    expect(sumOf(report, "cache")).toBe(6);
    // The rest is as it was; a session that rested is history, and nothing else of it changed.
    for (const table of ["steps", "parked", "waits", "turns", "others"])
      expect(before[table]).toEqual(expect.arrayContaining([...after[table]!]));
    expect(after["sessions"]!.filter((row) => before["sessions"]!.includes(row))).toHaveLength(3);
    expect(
      await database.query(
        "select chat_user, turns, status, ended_at is not null as over from conversation_sessions order by 1",
      ),
    ).toEqual([
      { chat_user: "1", turns: 3, status: "expired", over: true },
      { chat_user: "2", turns: 3, status: "active", over: false },
      { chat_user: "3", turns: 3, status: "escalated", over: false },
      { chat_user: "4", turns: 3, status: "ended", over: false },
    ]);

    expect(counts((await hygiene.sweep(all))!)).toEqual({});
  });

  it("leaves the cache where it is told so, and expires sessions all the same", async () => {
    await leaveADay();
    const before = await listing();
    const report = (await hygiene.sweep({ dryRun: false, keepCache: true }))!;
    expect(counts(report)).toEqual({ "sessions at rest for 24 hours, kept as history": 1 });
    const { sessions: _before, ...rest } = before;
    expect(await listing()).toMatchObject(rest);
  });

  it("tells what stays, by number and reason", async () => {
    await leaveADay();
    const { preserved } = (await hygiene.sweep(all))!;
    const kept = Object.fromEntries(preserved.map(({ name, why }) => [name, why]));
    expect(kept["1 set-aside messages"]).toContain("did not take effect");
    expect(Object.keys(kept)).toEqual(
      expect.arrayContaining([
        "2 open sessions",
        "3 kept outcomes of turns",
        "2 waits of Telegram",
        "audit and custody_ledger",
      ]),
    );
  });

  it("at the same time as others removes each row once", async () => {
    await leaveADay();
    for (let n = 0; n < 300; n += 1) await step("done", 1000, `s${n}`);
    const reports = await Promise.all([1, 2, 3].map(() => hygiene.sweep(all)));
    const gone = reports.reduce((sum, report) => sum + sumOf(report!, "cache"), 0);
    const left = await hygiene.sweep(all);
    expect(gone + sumOf(left!, "cache")).toBe(300 + 6);
  });

  it("passes over a session that a turn is being written to", async () => {
    await session("1", "active", 2 * day);
    const turnEnds = Promise.withResolvers<void>();
    const isHeld = Promise.withResolvers<void>();
    const writing = database.transaction(async (queries) => {
      await queries.query("update conversation_sessions set turns = 4, last_turn_at = now()");
      isHeld.resolve();
      await turnEnds.promise;
    });
    await isHeld.promise;
    expect(counts((await hygiene.sweep(all))!)).toEqual({});
    turnEnds.resolve();
    await writing;
    expect(counts((await hygiene.sweep(all))!)).toEqual({});
    const rows = await database.query("select status, turns from conversation_sessions");
    expect(rows).toEqual([{ status: "active", turns: 4 }]);
  });

  it("that cannot go on tells what it has removed, and what it has not reached", async () => {
    await leaveADay();
    const hasty = openDatabase(test.url, { poolMax: 1, lockTimeoutMs: 100 });
    const sweeping = createFleetHygiene(hasty, conversationRules(conversationMachine));
    const report = await database.transaction(async (queries) => {
      await queries.query("lock table telegram_waits in access exclusive mode");
      return sweeping.sweep(all);
    });
    await hasty.close();
    const { "waits of Telegram that are over": _waits, ...reached } = expected;
    const { "sessions at rest for 24 hours, kept as history": _sessions, ...done } = reached;
    expect(counts(report!)).toEqual(done);
    expect(report?.preserved).toEqual([
      { name: "the rest of the database", why: expect.stringContaining("not swept: ") },
    ]);
  });

  it("touches no database of another program", async () => {
    await leaveADay();
    await database.query("alter table fleet rename to somebody_elses");
    const before = await listing();
    expect(await hygiene.sweep(all)).toBeNull();
    expect(await listing()).toEqual(before);
  });
});

describe("what holds a host back from going", () => {
  const gate = { pid: 41, startTime: "boot:7" };
  beforeEach(async () => {
    await database.query(
      `insert into incarnations (id, host, proof) values
         ('i1', 'vm', '{"pid": 41, "startTime": "boot:7"}'), ('i2', 'other', '{"pid": 41, "startTime": "boot:8"}')`,
    );
    await database.query("insert into accounts (name, kind, credentials) values ('b', 'bot', '')");
    await database.query(
      "insert into authorisations (account, slot, state) values ('a', 1, 'SERVING'), ('b', 1, 'SERVING')",
    );
    await database.query(
      `insert into tokens (account, slot, epoch, state, incarnation)
       values ('a', 1, 1, 'connected', 'i1'), ('b', 1, 1, 'connected', 'i2')`,
    );
  });

  it("is known by the gate's number and start alone", async () => {
    expect(await hygiene.heldBy(gate)).toEqual({ incarnation: "i1", host: "vm", tokens: 1 });
    expect(await hygiene.heldBy({ ...gate, startTime: "boot:9" })).toBeNull();
    await database.query("update tokens set state = 'free', incarnation = null");
    expect(await hygiene.heldBy(gate)).toMatchObject({ tokens: 0 });
  });

  it("is a renewal of an account that it holds, and none of another host's", async () => {
    await database.query(
      `insert into renewals (id, account, method, state, from_slot) values
         ('r1', 'a', 'code', 'preparing', 1), ('r2', 'b', 'code', 'preparing', 1)`,
    );
    expect(await hygiene.renewing("i1")).toEqual(["a"]);
    await database.query("update renewals set state = 'done' where id = 'r1'");
    expect(await hygiene.renewing("i1")).toEqual([]);
  });

  it("comes with how many accounts are in each state", async () => {
    expect(await hygiene.accountStates()).toEqual({ unauthorised: 2 });
  });
});
