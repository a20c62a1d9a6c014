import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createConversationStore } from "../../../src/adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createHotConversations } from "../../../src/conversation/turns/session-cache.ts";
import type {
  ConversationStore,
  LoadedSession,
  PartitionClaim,
  TurnRecord,
} from "../../../src/ports/conversation/conversation-store.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";
import { isLookup } from "../../fixtures/statements.ts";
import { createTestClock, type TestClock } from "../../fixtures/test-clock.ts";

const rules = conversationRules(conversationMachine);
const dayMs = 86_400_000;
const limits = { charactersMax: 1_000_000, restMsMax: 60_000 };
let test: TestDatabase;
let database: Database;
let store: ConversationStore;
let clock: TestClock;
let hot: ReturnType<typeof createHotConversations>;
let claim: PartitionClaim;
let users = 0;
let lookups = 0;
beforeAll(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url, {
    onQuery: (text) => void (lookups += isLookup(text) ? 1 : 0),
  });
  store = createConversationStore(database, { rules });
});
afterAll(async () => {
  await database.close();
  await test.drop();
});
beforeEach(async () => {
  clock = createTestClock(Date.now());
  hot = createHotConversations(store, clock, rules, limits);
  claim = await store.claimPartition(0, "hot");
  users += 1;
});

/** Everything that a turn may read of a session. */
const whole = (session: LoadedSession) => [
  [session.id, session.decision, session.status, session.turns, session.lastSeq],
  [session.snapshot, session.context, session.progress],
  session.messages,
  session.toolOutputs,
];

const key = (user = `user-${users}`) => ({ channel: "telegram", account: "a", chatUser: user });
let randomIds = 0;

function turnIn(session: LoadedSession, change: Partial<TurnRecord> = {}): TurnRecord {
  randomIds += 1;
  const { lastSeq } = session;
  return {
    ...key(),
    session,
    inboundId: `hot:${randomIds}`,
    peer: { userId: "1", accessHash: "1" },
    text: `question ${lastSeq}`,
    snapshot: { machineId: "m", schemaVersion: 1, state: lastSeq },
    context: null,
    toolOutputs: [{ seq: (lastSeq + 1) * 64, name: "sites", output: { lastSeq } }],
    replies: [{ seq: lastSeq + 2, body: "a\u0000b", menu: null, randomId: String(randomIds) }],
    status: "active",
    sentBy: "holder",
    ...change,
  };
}

describe("conversations that are remembered between turns", () => {
  it("are what the store would answer, turn after turn, without asking it", async () => {
    let session = await hot.load(key(), dayMs);
    const before = lookups;
    for (let turn = 1; turn <= 14; turn += 1) {
      expect(await hot.commit(turnIn(session), claim)).toBe("committed");
      session = await hot.load(key(), dayMs);
    }
    expect(lookups).toBe(before);
    expect(whole(session)).toEqual(whole(await store.load(key(), dayMs)));
    expect(session).toMatchObject({ turns: 14, lastSeq: 28 });
    expect(session.messages).toHaveLength(20);
  });

  it("take no more memory after many turns than what a turn is given", async () => {
    const long = "a".repeat(100);
    // Twice what 20 messages and 10 outputs of this length take.
    const tight = createHotConversations(store, clock, rules, { ...limits, charactersMax: 8_000 });
    const before = lookups;
    for (let turn = 1; turn <= 60; turn += 1) {
      const session = await tight.load(key(), dayMs);
      const { lastSeq } = session;
      const change = {
        text: long,
        toolOutputs: [{ seq: (lastSeq + 1) * 64, name: "sites", output: long }],
        replies: [{ seq: lastSeq + 2, body: long, menu: null, randomId: String(turn) }],
      };
      expect(await tight.commit(turnIn(session, change), claim)).toBe("committed");
    }
    expect(lookups).toBe(before + 1);
    expect(whole(await tight.load(key(), dayMs))).toEqual(whole(await store.load(key(), dayMs)));
  });

  it("are read anew when somebody else has changed them", async () => {
    const first = await hot.load(key(), dayMs);
    await hot.commit(turnIn(first), claim);
    await store.move(first.id, "escalate");
    const stale = await hot.load(key(), dayMs);
    expect(await hot.commit(turnIn(stale), claim)).toBe("conflict");
    const now = await hot.load(key(), dayMs);
    expect(now).toMatchObject({ decision: "SESSION_WITH_HUMAN", lastSeq: 2 });
    expect(await hot.commit(turnIn(now, { status: "escalated" }), claim)).toBe("committed");
    expect(whole(await hot.load(key(), dayMs))).toEqual(whole(await store.load(key(), dayMs)));
  });

  it("are forgotten when the outcome of a turn is unknown", async () => {
    let isGone = false;
    const unsure = createHotConversations(
      {
        load: store.load,
        async commit(turn, of) {
          const outcome = await store.commit(turn, of);
          if (isGone) throw new Error("the answer was lost");
          return outcome;
        },
      },
      clock,
      rules,
      limits,
    );
    const turn = turnIn(await unsure.load(key(), dayMs));
    isGone = true;
    await expect(unsure.commit(turn, claim)).rejects.toThrow("lost");
    isGone = false;
    expect(await unsure.commit(turn, claim)).toBe("duplicate");
    expect(await unsure.load(key(), dayMs)).toMatchObject({ turns: 1, lastSeq: 2 });
  });

  it("are forgotten when they end, when they expire, and when they rest", async () => {
    const first = await hot.load(key(), dayMs);
    await hot.commit(turnIn(first, { status: "ended" }), claim);
    const second = await hot.load(key(), dayMs);
    expect(second.decision).toBe("SESSION_CREATED_AFTER_END");
    await hot.commit(turnIn(second), claim);
    expect(hot.size).toBe(1);
    expect((await hot.load(key(), 0)).decision).toBe("SESSION_CREATED_AFTER_EXPIRY");
    clock.advance(limits.restMsMax + 1);
    const other = await hot.load(key("someone-else"), dayMs);
    await hot.commit(turnIn(other, key("someone-else")), claim);
    expect(hot.size).toBe(1);
  });

  it("take no more memory than they may, and those that rested longest go first", async () => {
    const small = createHotConversations(store, clock, rules, { ...limits, charactersMax: 300 });
    for (const user of ["small-1", "small-2", "small-3", "small-4"]) {
      const session = await small.load(key(user), dayMs);
      await small.commit(turnIn(session, key(user)), claim);
      clock.advance(1);
    }
    const before = lookups;
    await small.load(key("small-4"), dayMs);
    expect(lookups).toBe(before);
    await small.load(key("small-1"), dayMs);
    expect(lookups).toBe(before + 1);
    expect(small.size).toBeLessThan(4);
  });
});
