import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createRetentionStore } from "../../../src/adapters/postgres/retention-store.ts";
import { runtimeRole } from "../../../src/adapters/postgres/roles.ts";
import { keptNames, type RetentionPolicy } from "../../../src/ports/retention.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

const dayMs = 86_400_000;
const nowMs = Date.now();
const rules = conversationRules(conversationMachine);

let test: TestDatabase | undefined;
let owner: Database;
/** As a host has it, which may change nothing of the schema. */
let host: Database;

async function close(): Promise<void> {
  await owner?.close();
  await host?.close();
  await test?.drop();
}

beforeEach(async () => {
  await close();
  test = await createTestDatabase();
  owner = openDatabase(test.url, { poolMax: 1 });
  const url = new URL(test.url);
  url.username = runtimeRole;
  host = openDatabase(url.href, { poolMax: 2 });
});
afterAll(close);

const keepAll = (days: number): RetentionPolicy =>
  Object.fromEntries(keptNames.map((name) => [name, days * dayMs])) as RetentionPolicy;

/** Two rows of every table, of which one is 40 days old. Session 1 and 2 have ended, session 3 is open. */
async function fill(): Promise<void> {
  for (const statement of [
    "insert into accounts (name, kind, credentials) values ('a', 'user', '')",
    `insert into authorisations (account, slot, state, session, changed_at) values
     ('a', 1, 'RETIRED', 'old', now() - interval '40 days'), ('a', 2, 'RETIRED', 'new', now()), ('a', 3, 'SERVING', 's', now() - interval '40 days')`,
    `insert into conversation_sessions (id, channel, account, chat_user, status, ended_at) overriding system value values
     (1, 'telegram', 'a', 'u1', 'ended', now() - interval '40 days'), (2, 'telegram', 'a', 'u2', 'expired', now())`,
    `insert into conversation_sessions (id, channel, account, chat_user) overriding system value values (3, 'telegram', 'a', 'u3')`,
    `insert into turns (session_id, seq, channel, account, inbound_id, asked, created_at) values
     (1, 1, 'telegram', 'a', 'm:1', 'old', now() - interval '40 days'), (2, 1, 'telegram', 'a', 'm:2', 'new', now())`,
    `insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id, state, created_at, changed_at)
     select 'telegram', 'a', 'u', '{}', 0, session, seq, 1, state, now() - age, now() - age from (values
       (1, 2, 'sent', interval '40 days'), (2, 2, 'sent', interval '0'), (1, 3, 'failed', interval '40 days'),
       (1, 4, 'pending', interval '40 days'), (2, 4, 'pending', interval '1 day'),
       (3, 2, 'sent', interval '35 days'), (3, 4, 'sent', interval '35 days')) v (session, seq, state, age)`,
    "insert into parked_turns (data, code, reason, parked_at) values ('x', 'A', 'a', now() - interval '40 days'), ('y', 'A', 'a', now())",
    `insert into lifecycle_events (account, at, from_state, to_state, event, epoch) values
     ('a', now() - interval '40 days', 'x', 'y', 'e', 1), ('a', now(), 'x', 'y', 'e', 1)`,
    `insert into renewals (id, account, method, state, from_slot) values ('r1', 'a', 'qr', 'done', 1), ('r2', 'a', 'qr', 'preparing', 2)`,
    `insert into renewal_steps (renewal, step, at) values
     ('r1', 'requested', now() - interval '40 days'), ('r1', 'verified', now()), ('r2', 'requested', now() - interval '40 days')`,
    `insert into update_gaps (account, from_pts, to_pts, recovered, at) values
     ('a', 1, 2, 0, now() - interval '40 days'), ('a', 1, 2, 0, now())`,
    `insert into webhook_requests (digest, inbound_id, created_at) values
     ('\\x01', 'm:1', now() - interval '40 days'), ('\\x02', 'm:2', now())`,
    `insert into progress_updates (channel, account, chat_user, subject, images, comments, changed_at) values
     ('telegram', 'a', 'u1', '{}', 0, 0, now() - interval '40 days'), ('telegram', 'a', 'u2', '{}', 0, 0, now())`,
  ])
    await owner.query(statement);
}

/** What stands there, table by table. */
async function everything(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of [
    "outbox",
    "turns",
    "conversation_sessions",
    "progress_updates",
    "parked_turns",
    "lifecycle_events",
    "renewal_steps",
    "update_gaps",
    "webhook_requests",
    "taken_messages",
  ]) {
    const [row] = await owner.query<{ n: number }>(`select count(*)::int as n from ${table}`);
    counts[table] = row!.n;
  }
  return counts;
}

async function removeAll(policy: RetentionPolicy): Promise<Record<string, number>> {
  const store = createRetentionStore(host, rules);
  const gone: Record<string, number> = {};
  for (const part of store.parts) {
    for (;;) {
      const { table, rows, bytes } = await store.remove(part, policy, nowMs);
      if (rows === 0) break;
      expect(bytes).toBeGreaterThan(0);
      gone[table] = (gone[table] ?? 0) + rows;
    }
  }
  return gone;
}

describe("what is older than it is to be kept", () => {
  const old = {
    outbox: 4,
    turns: 1,
    conversation_sessions: 1,
    progress_updates: 1,
    parked_turns: 1,
    lifecycle_events: 1,
    renewal_steps: 1,
    update_gaps: 1,
    authorisations: 1,
    webhook_requests: 1,
    taken_messages: 1,
  };

  it("goes from every table, and what is younger or still of use stays", async () => {
    await fill();
    const before = await everything();
    expect(await removeAll(keepAll(30))).toEqual(old);
    const { authorisations: _, ...rows } = old;
    const left = Object.fromEntries(
      Object.entries(before).map(([table, n]) => [table, n - rows[table as keyof typeof rows]]),
    );
    expect(await everything()).toEqual(left);
    // The address of an open session's chat, and a reply that waits.
    expect(await owner.query("select session_id::int, seq from outbox order by 1, 2")).toEqual([
      { session_id: 2, seq: 2 },
      { session_id: 2, seq: 4 },
      { session_id: 3, seq: 4 },
    ]);
    expect(
      await owner.query("select slot, session is null as gone from authorisations order by 1"),
    ).toEqual([
      { slot: 1, gone: true },
      { slot: 2, gone: false },
      { slot: 3, gone: false },
    ]);
    expect(await removeAll(keepAll(30))).toEqual({});
  });

  it("is counted before, and nothing is changed by that", async () => {
    await fill();
    const before = await everything();
    const store = createRetentionStore(host, rules);
    const counted = await store.count(keepAll(30), nowMs);
    const sum = (table: string) =>
      counted.filter((one) => one.table === table).reduce((all, { rows }) => all + rows, 0);
    // Its session still has turns and replies, and goes after them.
    expect(Object.fromEntries(Object.keys(old).map((table) => [table, sum(table)]))).toEqual({
      ...old,
      conversation_sessions: 0,
    });
    expect(await everything()).toEqual(before);
  });

  it("stays for ever where that is said", async () => {
    await fill();
    const before = await everything();
    expect(await removeAll(keepAll(Number.POSITIVE_INFINITY))).toEqual({});
    expect(await everything()).toEqual(before);
  });

  it("tells the age of the oldest row of each table", async () => {
    await fill();
    const ages = await createRetentionStore(host, rules).oldest(nowMs);
    const daysOf = (name: string) =>
      Math.round((ages.find(({ table }) => table === name)?.ageMs ?? 0) / dayMs);
    expect([daysOf("turns"), daysOf("outbox"), daysOf("webhook_requests")]).toEqual([40, 40, 40]);
  });
});

describe("the months of turns", () => {
  const months = () =>
    owner.query<{ name: string }>(
      "select name from turn_months where starts > '-infinity' order by ends",
    );

  it("are made ahead by a host, once", async () => {
    const store = createRetentionStore(host, rules);
    const made = await store.makeMonths();
    expect(made).toBeGreaterThan(0);
    expect(await months()).toHaveLength(made);
    expect(await store.makeMonths()).toBe(0);
    const [last] = await owner.query<{ ahead: number }>(
      "select (extract(epoch from max(ends) - now()) / 86400)::int as ahead from turn_months",
    );
    expect(last!.ahead).toBeGreaterThan(85);
  });

  it("take a turn of any time, and without them the default part does", async () => {
    await owner.query("drop table turns_before");
    await owner.query(
      "insert into turns (session_id, seq, channel, account, inbound_id, asked) values (1, 1, 'telegram', 'a', 'm:1', 'now')",
    );
    expect(await owner.query("select tableoid::regclass::text as part from turns")).toEqual([
      { part: "turns_default" },
    ]);
    // That month stays in the default part, and the others are made.
    expect(await createRetentionStore(host, rules).makeMonths()).toBe(3);
    expect(await owner.query("select asked from turns")).toEqual([{ asked: "now" }]);
  });

  it("go whole, and take the marks of what was taken nowhere", async () => {
    await owner.query("drop table turns_before");
    await owner.query(
      `create table turns_2025_01 partition of turns for values from ('2025-01-01Z') to ('2025-02-01Z')`,
    );
    await owner.query(
      `insert into turns (session_id, seq, channel, account, inbound_id, asked, created_at)
       values (1, 1, 'telegram', 'a', 'm:1', 'long ago', '2025-01-15Z')`,
    );
    const policy = { ...keepAll(365), ids: Number.POSITIVE_INFINITY };
    expect(await createRetentionStore(host, rules).count(policy, nowMs)).toContainEqual(
      expect.objectContaining({ table: "turns_2025_01", rows: 1 }),
    );
    expect(await removeAll(policy)).toEqual({ turns: 1 });
    expect(await months()).toEqual([]);
    expect(await owner.query("select count(*)::int as n from taken_messages")).toEqual([{ n: 1 }]);
  });

  it("are refused to a host whose clock is wrong, and the others to all", async () => {
    await createRetentionStore(host, rules).makeMonths();
    const [next] = await months();
    for (const name of [next!.name, "turns_default", "accounts"]) {
      expect(await host.query("select drop_turn_month($1, 'infinity') as gone", [name])).toEqual([
        { gone: null },
      ]);
    }
    expect(await months()).toContainEqual(next);
  });
});

describe("the right to remove", () => {
  it("has one host at a time, until it gives it back or says nothing for too long", async () => {
    const store = createRetentionStore(host, rules);
    const asked = { nowMs, leaseMs: 1000, isDue: true };
    expect(await store.take("one", asked)).toBe(true);
    expect(await store.take("other", asked)).toBe(false);
    expect(await store.take("one", asked)).toBe(true);
    expect(await store.take("other", { ...asked, nowMs: nowMs + 1001 })).toBe(true);
    await store.giveBack("one", nowMs + dayMs);
    expect(await store.take("one", { ...asked, nowMs: nowMs + 1500 })).toBe(false);
    await store.giveBack("other", nowMs + dayMs);
    expect(await store.take("one", asked)).toBe(false);
    expect(await store.take("one", { ...asked, isDue: false })).toBe(true);
  });
});
