import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKeyRing } from "../../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../../src/adapters/postgres/account-store.ts";
import { createConversationStore } from "../../../src/adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import type { TurnRecord } from "../../../src/ports/conversation-store.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const dayMs = 86_400_000;
let test: TestDatabase;
let database: Database;
beforeAll(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url, { poolMax: 16 });
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

const keyOf = (chatUser: string) => ({ channel: "telegram", account: "a", chatUser });
const turnOf = (
  chatUser: string,
  sessionId: string,
  change: Partial<TurnRecord> = {},
): TurnRecord => ({
  ...keyOf(chatUser),
  sessionId,
  expectedSeq: 0,
  inboundId: `m:${randomUUID()}`,
  peer: { userId: chatUser, accessHash: "1" },
  text: "Bonjour",
  snapshot: null,
  toolOutputs: [],
  replies: [
    { seq: 2, body: "Bonjour!", menu: null, randomId: randomBytes(6).readIntBE(0, 6).toString() },
  ],
  status: "active",
  ...change,
});
const count = async (table: string, where: string) =>
  (
    await database.query<{ n: number }>(`select count(*)::int as n from ${table} where ${where}`)
  )[0]!.n;

describe("conversations in Postgres", () => {
  it("opens one session for a user whose first eight messages come at once (I3, V1)", async () => {
    const store = createConversationStore(database);
    const users = Array.from({ length: 50 }, (_, n) => `first-${n}`);
    const loaded = await Promise.all(
      users.flatMap((user) => Array.from({ length: 8 }, () => store.load(keyOf(user), dayMs))),
    );
    expect(new Set(loaded.map(({ id }) => id)).size).toBe(50);
    expect(loaded.filter(({ decision }) => decision !== "SESSION_REUSED")).toHaveLength(50);
  });

  it("commits one of eight turns that saw the same session, and nothing of the others", async () => {
    const store = createConversationStore(database);
    const { epoch } = await store.claimPartition("owner");
    const session = await store.load(keyOf("racer"), dayMs);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => store.commit(turnOf("racer", session.id), epoch)),
    );
    expect(outcomes.toSorted()).toEqual(["committed", ...Array<string>(7).fill("conflict")]);
    expect(await count("outbox", "chat_user = 'racer'")).toBe(1);
    expect(await count("inbound_turns", `session_id = ${session.id}`)).toBe(1);
  });

  it("lets an inbound message take effect once (I4)", async () => {
    const store = createConversationStore(database);
    const { epoch } = await store.claimPartition("owner");
    const session = await store.load(keyOf("again"), dayMs);
    const turn = turnOf("again", session.id);
    expect(await store.commit(turn, epoch)).toBe("committed");
    expect(await store.commit({ ...turn, expectedSeq: 2 }, epoch)).toBe("duplicate");
    expect(await count("messages", `session_id = ${session.id}`)).toBe(2);
  });

  it("refuses an owner whose epoch has passed, and leaves nothing behind (I6)", async () => {
    const store = createConversationStore(database);
    const { epoch } = await store.claimPartition("old");
    await store.claimPartition("new");
    const session = await store.load(keyOf("stale"), dayMs);
    expect(await store.commit(turnOf("stale", session.id), epoch)).toBe("stale-owner");
    expect(await count("messages", `session_id = ${session.id}`)).toBe(0);
    expect(await count("inbound_turns", `session_id = ${session.id}`)).toBe(0);
  });

  it("stores text that Postgres cannot hold, made harmless", async () => {
    const store = createConversationStore(database);
    const { epoch } = await store.claimPartition("owner");
    const session = await store.load(keyOf("odd"), dayMs);
    const text = "a\u0000b \ud83d c";
    expect(await store.commit(turnOf("odd", session.id, { text }), epoch)).toBe("committed");
    const [message] = (await store.load(keyOf("odd"), dayMs)).messages;
    expect(message?.body).toBe("a\uFFFDb \uFFFD c");
  });
});

describe("accounts in Postgres", () => {
  const accounts = () =>
    createAccountStore(database, createSealer(createKeyRing([randomBytes(32)])));

  it("keeps phone numbers, tokens and sessions unreadable at rest (I7)", async () => {
    const store = accounts();
    const phone = "+33612345678";
    await store.add({ name: "sealed", kind: "user", credentials: { kind: "user", phone } });
    const slot = await store.addSlot("sealed");
    const bytes = Buffer.from("the session of sealed, in clear");
    await store.saveSession(slot, { keyId: "00000000000000aa", bytes });
    const [row] = await database.query<{ dump: string }>(
      `select a::text || s::text as dump from accounts a join authorisations s on s.account = a.name
       where a.name = 'sealed'`,
    );
    for (const secret of [Buffer.from(phone), bytes]) {
      expect(row!.dump).not.toContain(secret.toString());
      expect(row!.dump).not.toContain(secret.toString("hex"));
    }
    expect((await store.loadSession(slot))?.bytes).toEqual(bytes);
  });

  it("refuses one key for two slots", async () => {
    const store = accounts();
    await store.add({ name: "twice", kind: "bot", credentials: { kind: "bot", token: "1:x" } });
    const session = { keyId: "00000000000000bb", bytes: Buffer.from("s") };
    await store.saveSession(await store.addSlot("twice"), session);
    const second = await store.addSlot("twice");
    await expect(store.saveSession(second, session)).rejects.toMatchObject({
      code: "KEY_ALREADY_HELD",
    });
  });

  it("says that a stored session does not decrypt under another master key", async () => {
    await accounts().add({
      name: "rekeyed",
      kind: "bot",
      credentials: { kind: "bot", token: "1:x" },
    });
    await expect(accounts().credentials("rekeyed")).rejects.toMatchObject({
      code: "MASTER_KEY_WRONG",
    });
  });
});
