import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { createConversationStore } from "../../src/adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import type {
  ConversationKey,
  ConversationStore,
  PartitionClaim,
} from "../../src/ports/conversation/conversation-store.ts";
import {
  type ConversationPath,
  type ConversationRun,
  runConversationPath,
  type StoredSession,
} from "../fixtures/models/conversation-runner.ts";
import { coverageOf } from "../fixtures/models/coverage.ts";
import { conversationModel } from "../fixtures/models/events.ts";
import { edgePaths, replay } from "../fixtures/models/paths.ts";
import { createTestDatabase, type TestDatabase } from "../fixtures/database.ts";

/** Each ends with a message, which shows what the store makes of what came before it. */
const paths = edgePaths(conversationModel, { events: "all" }).map(({ start, steps }) =>
  replay(conversationModel, start, [...steps.map(({ event }) => event), { type: "inbound" }]),
);

let testDatabase: TestDatabase;
let database: Database;
let store: ConversationStore;
let claim: PartitionClaim;
let chatUsers = 0;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url, { poolMax: 2 });
  store = createConversationStore(database, { rules: conversationRules(conversationMachine) });
  claim = await store.claimPartition(0, "conversation-paths");
});

afterAll(async () => {
  await database?.close();
  await testDatabase?.drop();
});

async function take(
  path: ConversationPath,
  closing: ConversationRun["closing"],
  through: ConversationStore = store,
): Promise<void> {
  chatUsers += 1;
  const key: ConversationKey = {
    channel: "telegram",
    account: "paths",
    chatUser: `chat-user-${chatUsers}`,
  };
  const readSessions = () =>
    database.query<StoredSession & Record<string, unknown>>(
      `select id::text as id, status, turns from conversation_sessions
       where chat_user = $1 order by conversation_sessions.id`,
      [key.chatUser],
    );
  await runConversationPath({ store: through, claim, key, closing, readSessions }, path);
}

describe("the conversation store over PostgreSQL", () => {
  it.each(["by command", "within the turn"] as const)(
    "does on every path what the machine says, sessions closed %s",
    async (closing) => {
      expect(coverageOf(conversationModel, paths).neverTaken).toEqual([]);
      for (const path of paths) await take(path, closing);
    },
  );
});

async function takeAll(through: ConversationStore): Promise<void> {
  for (const path of paths) await take(path, "by command", through);
}

describe("the paths notice a conversation store", () => {
  it("that never lets a session expire", async () => {
    const patient = { ...store, load: (key: ConversationKey) => store.load(key, 3_600_000) };
    await expect(takeAll(patient)).rejects.toThrow("SESSION_CREATED_AFTER_EXPIRY");
  });

  it("that lets a session expire under a person's hands", async () => {
    const hasty: ConversationStore = {
      ...store,
      async load(key, inactiveAfterMs) {
        if (inactiveAfterMs === 0) {
          await database.query(
            `update conversation_sessions set status = 'expired'
             where chat_user = $1 and status = 'escalated'`,
            [key.chatUser],
          );
        }
        return store.load(key, inactiveAfterMs);
      },
    };
    await expect(takeAll(hasty)).rejects.toThrow("SESSION_WITH_HUMAN");
  });

  it("that forgets to end a session", async () => {
    const forgetful: ConversationStore = {
      ...store,
      move: async (id, event) => (event === "end" ? "ended" : store.move(id, event)),
    };
    await expect(takeAll(forgetful)).rejects.toThrow(/status after step \d+, end in/);
  });
});
