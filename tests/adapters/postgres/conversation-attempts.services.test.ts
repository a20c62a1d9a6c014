import { afterAll, beforeAll, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createConversationStore } from "../../../src/adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import type {
  ConversationStore,
  LoadedSession,
  PartitionClaim,
  TurnRecord,
} from "../../../src/ports/conversation/conversation-store.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

const dayMs = 86_400_000;
let test: TestDatabase;
let database: Database;
let store: ConversationStore;
let claim: PartitionClaim;
beforeAll(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url);
  store = createConversationStore(database, { rules: conversationRules(conversationMachine) });
  claim = await store.claimPartition(0, "owner");
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

const keyOf = (chatUser: string) => ({ channel: "telegram", account: "a", chatUser });
const open = (chatUser: string) => store.load(keyOf(chatUser), dayMs);
const turnIn = (
  chatUser: string,
  session: LoadedSession,
  change: Partial<TurnRecord> = {},
): TurnRecord => ({
  ...keyOf(chatUser),
  session,
  inboundId: `m:${chatUser}:${session.id}`,
  peer: { userId: chatUser, accessHash: "1" },
  text: "Bonjour",
  snapshot: null,
  context: null,
  toolOutputs: [],
  replies: [],
  status: "active",
  sentBy: "holder",
  ...change,
});
async function count(table: string, where: string): Promise<number> {
  const rows = await database.query<{ n: number }>(
    `select count(*)::int as n from ${table} where ${where}`,
  );
  return rows[0]!.n;
}

it("tells every attempt at a message alike why its session was opened", async () => {
  const decisionOf = async () => (await store.load(keyOf("attempts"), dayMs)).decision;
  const first = await open("attempts");
  expect([first.decision, await decisionOf()]).toEqual(
    Array(2).fill("SESSION_CREATED_FIRST_CONTACT"),
  );
  await store.commit(turnIn("attempts", first, { status: "ended" }), claim);
  expect([await decisionOf(), await decisionOf()]).toEqual(
    Array(2).fill("SESSION_CREATED_AFTER_END"),
  );
  const second = await store.load(keyOf("attempts"), dayMs);
  await store.commit(turnIn("attempts", second), claim);
  expect(await decisionOf()).toBe("SESSION_REUSED");
});

it("knows a message that took effect before anything is done for it, and opens nothing (I4)", async () => {
  const session = await open("returning");
  const turn = turnIn("returning", session, { status: "ended" });
  const again = { ...keyOf("returning"), inboundId: turn.inboundId };
  expect((await store.load(again, dayMs)).taken).toBeUndefined();
  expect(await store.commit(turn, claim)).toBe("committed");
  expect((await store.load(again, dayMs)).taken).toBe(true);
  expect(await count("conversation_sessions", "chat_user = 'returning'")).toBe(1);
  expect((await store.load({ ...again, inboundId: "m:new" }, dayMs)).taken).toBeUndefined();
});

it("refuses a turn that keeps too much, and says so", async () => {
  const session = await open("hoarder");
  const turn = turnIn("hoarder", session, { snapshot: "x".repeat(5 * 1024 * 1024) });
  await expect(store.commit(turn, claim)).rejects.toMatchObject({
    code: "TURN_TOO_LARGE",
    policy: "terminal",
  });
  expect(await count("turns", `session_id = ${session.id}`)).toBe(0);
});
