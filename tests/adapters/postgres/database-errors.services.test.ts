import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createConversationStore } from "../../../src/adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import type { TurnRecord } from "../../../src/ports/conversation/conversation-store.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
/** Another process, which holds what the one that is looked at waits for. */
let other: Database;
let database: Database;
beforeAll(async () => {
  test = await createTestDatabase();
  other = openDatabase(test.url);
  await other.query("create table things (id int primary key, note text)");
  await other.query("insert into things values (1, null)");
});
afterAll(async () => {
  await other.close();
  await test.drop();
});
beforeEach(() => {
  database = openDatabase(test.url, { statementTimeoutMs: 300 });
});
afterEach(() => database.close());

const passes = (code: string, state: string) => ({
  code,
  policy: "retryable",
  cause: { code: state },
});

describe("an error of the database", () => {
  it.each([
    ["a table that is not there", "select from nowhere", passes("DATABASE_REFUSES", "42P01")],
    [
      "a column that is not there",
      "select nothing from things",
      passes("DATABASE_REFUSES", "42703"),
    ],
    [
      "an index that is not there",
      "insert into things values (1) on conflict (note) do nothing",
      passes("DATABASE_REFUSES", "42P10"),
    ],
    [
      "a database that is read-only",
      "do $$ begin set transaction read only; insert into things values (2); end $$",
      passes("DATABASE_REFUSES", "25006"),
    ],
    ["too little time", "select pg_sleep(9)", passes("STATEMENT_TOO_SLOW", "57014")],
    [
      "a server that goes away",
      "select pg_terminate_backend(pg_backend_pid())",
      passes("DATABASE_UNAVAILABLE", "57P01"),
    ],
    ["a value that is wrong", "select 1 / 0", { code: "22012" }],
    ["a key that is there", "insert into things values (1)", { code: "23505" }],
    ["a limit", `select ${Array(2_000).fill("1").join()}`, { code: "54011" }],
  ])("passes, or names the statement's own data: %s", async (_what, text, error) => {
    await expect(database.query(text)).rejects.toMatchObject(error);
  });

  it("tells a statement that waits for a lock from one that works", async () => {
    await other.transaction(async (queries) => {
      await queries.query("lock table things");
      const waiting = database.query("select from things");
      await expect(waiting).rejects.toMatchObject(passes("STATEMENT_TOO_SLOW", "55P03"));
    });
  });
});

it("a session that another process holds keeps no other user's turn from its commit", async () => {
  const store = createConversationStore(database, {
    rules: conversationRules(conversationMachine),
  });
  const claim = await store.claimPartition(0, "owner");
  const turns = await Promise.all(
    ["held", "b", "c", "d"].map(async (chatUser): Promise<TurnRecord> => {
      const key = { channel: "telegram", account: "a", chatUser };
      return {
        ...key,
        session: await store.load(key, 60_000),
        inboundId: `m:${chatUser}`,
        peer: { userId: chatUser, accessHash: "1" },
        text: "hello",
        snapshot: null,
        context: null,
        toolOutputs: [],
        replies: [],
        status: "active",
        sentBy: "holder",
      };
    }),
  );
  const commitAll = () => Promise.allSettled(turns.map((turn) => store.commit(turn, claim)));
  await other.transaction(async (queries) => {
    await queries.query("select from conversation_sessions where chat_user = 'held' for update");
    await commitAll();
    const [held, ...others] = await commitAll();
    expect(held).toMatchObject({ status: "rejected", reason: { code: "STATEMENT_TOO_SLOW" } });
    const outcomes = others.map((one) => one.status === "fulfilled" && one.value);
    expect(outcomes).toEqual(["committed", "committed", "committed"]);
  });
  expect(await store.commit(turns[0]!, claim)).toBe("committed");
});
