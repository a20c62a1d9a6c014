import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createConversationStore } from "../../../src/adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

const dayMs = 86_400_000;
/** PostgreSQL makes a plan for good with the sixth use of a statement. */
const usesUntilPlanned = 6;
const users = 2_000;

describe("a lookup reads one user's session, however many there are since it was planned", () => {
  let test: TestDatabase;
  let database: Database;
  beforeEach(async () => {
    test = await createTestDatabase();
    // One connection, whose plans and counts these are.
    database = openDatabase(test.url, { poolMax: 1 });
  });
  afterEach(async () => {
    await database.close();
    await test.drop();
  });

  /** Rows of the table, its parts included, that this connection has read so far. */
  async function rowsRead(table: "conversation_sessions" | "turns"): Promise<number> {
    await database.query("select pg_stat_force_next_flush()");
    await database.query("select 1");
    const [row] = await database.query<{ read: number }>(
      `select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as read
       from pg_stat_user_tables where relname = $1 or relname like $2`,
      [table, `${table}\\_%`],
    );
    return row!.read;
  }

  it("with the plan of the first lookups", async () => {
    const rules = conversationRules(conversationMachine);
    const store = createConversationStore(database, { rules });
    const key = { channel: "telegram", account: "a", chatUser: "somebody", inboundId: "m:1" };
    const { id } = await store.load(key, dayMs);
    for (let use = 0; use < usesUntilPlanned; use += 1) await store.load(key, dayMs);
    await database.query(
      `insert into conversation_sessions (channel, account, chat_user)
       select 'telegram', 'a', 'user-' || n from generate_series(1, ${users}) n`,
    );
    await database.query(
      `insert into turns (session_id, seq, channel, account, inbound_id, asked)
       select id, 1, 'telegram', 'a', 'past:' || id, '' from conversation_sessions where id <> $1`,
      [id],
    );
    const before = [await rowsRead("conversation_sessions"), await rowsRead("turns")] as const;
    expect((await store.load(key, dayMs)).id).toBe(id);
    expect((await rowsRead("conversation_sessions")) - before[0]).toBeLessThan(10);
    expect((await rowsRead("turns")) - before[1]).toBeLessThan(10);
  });

  it("and of many first contacts, without comparing each with every pair of others", async () => {
    const rules = conversationRules(conversationMachine);
    const store = createConversationStore(database, { rules });
    const first = { channel: "telegram", account: "a", chatUser: "somebody", inboundId: "m:1" };
    for (let use = 0; use <= usesUntilPlanned; use += 1) await store.load(first, dayMs);
    const keys = Array.from({ length: 100 }, (_, n) => ({
      n,
      channel: "telegram",
      account: "a",
      chat_user: `new-${n}`,
      inbound_id: "m:1",
      inactive_ms: dayMs,
    }));
    const [row] = await database.query<{ "QUERY PLAN": readonly { readonly Plan: PlanNode }[] }>(
      `explain (analyze, format json) execute "load-sessions" ('${JSON.stringify(keys)}')`,
    );
    expect(rowsThrough(row!["QUERY PLAN"][0]!.Plan)).toBeLessThan(keys.length ** 2 * 5);
  });
});

interface PlanNode {
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly Plans?: readonly PlanNode[];
}

/** Rows that the nodes of a plan have handed on, all together. */
const rowsThrough = ({ Plans = [], ...node }: PlanNode): number =>
  node["Actual Rows"] * node["Actual Loops"] +
  Plans.reduce((sum, below) => sum + rowsThrough(below), 0);
