import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import type {
  ConversationKey,
  ConversationStore,
  LoadedSession,
  PartitionClaim,
  TurnRecord,
} from "../../src/ports/conversation/conversation-store.ts";
import { isLookup } from "../fixtures/statements.ts";
import { createTestDatabase, type TestDatabase } from "../fixtures/database.ts";

const dayMs = 86_400_000;
const randomId = () => String(randomBytes(6).readIntBE(0, 6));

/**
 * The contract of every store of conversations. `make` may be called for two stores over one
 * database: two nodes.
 */
export function specifyConversationStore(make: (database: Database) => ConversationStore): void {
  describe("a store of conversations", () => {
    let test: TestDatabase;
    let database: Database;
    let store: ConversationStore;
    let claim: PartitionClaim;
    /** Those of this node and of the one beside it. */
    const statements: string[] = [];
    beforeAll(async () => {
      test = await createTestDatabase();
      database = openDatabase(test.url, {
        poolMax: 16,
        onQuery: (text) => void statements.push(text),
      });
      store = make(database);
    });
    afterAll(async () => {
      await database.close();
      await test.drop();
    });

    const keyOf = (chatUser: string): ConversationKey => ({
      channel: "telegram",
      account: "a",
      chatUser,
    });
    const turnIn = (
      chatUser: string,
      session: LoadedSession,
      change: Partial<TurnRecord> = {},
    ): TurnRecord => ({
      ...keyOf(chatUser),
      session,
      inboundId: `m:${randomUUID()}`,
      peer: { userId: chatUser, accessHash: "1" },
      text: "Bonjour",
      snapshot: null,
      context: null,
      toolOutputs: [],
      replies: [{ seq: session.lastSeq + 2, body: "Bonjour!", menu: null, randomId: randomId() }],
      status: "active",
      sentBy: "holder",
      ...change,
    });
    const count = async (table: string, where: string) =>
      (
        await database.query<{ n: number }>(
          `select count(*)::int as n from ${table} where ${where}`,
        )
      )[0]!.n;
    const open = async (chatUser: string) => {
      claim = await store.claimPartition(0, "owner");
      return store.load(keyOf(chatUser), dayMs);
    };

    it("opens 500 sessions for 500 users whose first eight messages come at once (V1)", async () => {
      const users = Array.from({ length: 500 }, (_, n) => `flood-${n}`);
      const nodes = [store, make(database)];
      const loaded = await Promise.all(
        Array.from({ length: 8 }, (_, n) => n).flatMap((n) =>
          users.map((user) => nodes[n % 2]!.load(keyOf(user), dayMs)),
        ),
      );
      expect(new Set(loaded.map(({ id }) => id)).size).toBe(500);
      expect(await count("conversation_sessions", "chat_user like 'flood-%'")).toBe(500);
      // Until a turn of theirs is committed, every look says why they were opened.
      const whys = new Set(loaded.map(({ decision }) => decision));
      expect([...whys]).toEqual(["SESSION_CREATED_FIRST_CONTACT"]);
    });

    it("opens one session for a user whose first eight messages come at once (I3, V1)", async () => {
      const users = Array.from({ length: 50 }, (_, n) => `first-${n}`);
      const nodes = [store, make(database)];
      const loaded = await Promise.all(
        users.flatMap((user) =>
          Array.from({ length: 8 }, (_, n) => nodes[n % 2]!.load(keyOf(user), dayMs)),
        ),
      );
      expect(new Set(loaded.map(({ id }) => id)).size).toBe(50);
      expect(await count("conversation_sessions", "chat_user like 'first-%'")).toBe(50);
    });

    it("gives a turn the newest messages and tool outputs, oldest first (V5)", async () => {
      let session = await open("history");
      for (let turn = 1; turn <= 12; turn += 1) {
        const output = turn === 12 ? null : { turn };
        const toolOutputs = [{ seq: turn, name: "sites", output }];
        const record = turnIn("history", session, {
          text: `question ${turn}`,
          snapshot: { machineId: "m", schemaVersion: 1, state: { turn } },
          toolOutputs,
        });
        expect(await store.commit(record, claim)).toBe("committed");
        session = await store.load(keyOf("history"), dayMs);
      }
      expect(session).toMatchObject({
        decision: "SESSION_REUSED",
        turns: 12,
        lastSeq: 24,
        snapshot: { state: { turn: 12 } },
      });
      expect(session.messages.map(({ seq }) => seq)).toEqual(
        Array.from({ length: 20 }, (_, n) => n + 5),
      );
      expect(session.messages[0]).toEqual({
        seq: 5,
        role: "user",
        body: "question 3",
        menu: null,
      });
      expect(session.toolOutputs.map(({ output }) => output)).toEqual([
        ...Array.from({ length: 9 }, (_, n) => ({ turn: n + 3 })),
        null,
      ]);
    });

    it("explains each session: found, or opened after an end or an expiry (V8, V10)", async () => {
      const first = await open("phases");
      expect(first.decision).toBe("SESSION_CREATED_FIRST_CONTACT");
      await store.commit(turnIn("phases", first, { status: "ended" }), claim);
      const second = await store.load(keyOf("phases"), dayMs);
      expect(second.decision).toBe("SESSION_CREATED_AFTER_END");
      await database.query(
        "update conversation_sessions set last_turn_at = now() - interval '2 days' where id = $1",
        [second.id],
      );
      const third = await store.load(keyOf("phases"), dayMs);
      expect(third.decision).toBe("SESSION_CREATED_AFTER_EXPIRY");
      expect(await store.move(third.id, "escalate")).toBe("escalated");
      const again = await store.load(keyOf("phases"), 1);
      expect(again).toMatchObject({ id: third.id, decision: "SESSION_WITH_HUMAN" });
      expect(await store.move(second.id, "end")).toBeNull();
      expect(await count("conversation_sessions", "chat_user = 'phases'")).toBe(3);
    });

    it("carries what is known of a user from session to session (V14)", async () => {
      const first = await open("known");
      expect(first.context).toBeNull();
      const context = { language: "fr", project: { id: 7 } };
      const turn = turnIn("known", first, { context, status: "ended" });
      expect(await store.commit(turn, claim)).toBe("committed");
      expect((await store.load(keyOf("known"), dayMs)).context).toEqual(context);
      const again = await store.load(keyOf("known"), dayMs);
      const changed = turnIn("known", again, { context: { language: "en" } });
      expect(await store.commit(changed, claim)).toBe("committed");
      expect((await store.load(keyOf("known"), 0)).context).toEqual({ language: "en" });
    });

    it("keeps one progress update for a user, and another one begins at zero (V7)", async () => {
      let session = await open("reporter");
      const commit = async (change: Partial<TurnRecord>) => {
        expect(await store.commit(turnIn("reporter", session, change), claim)).toBe("committed");
        session = await store.load(keyOf("reporter"), dayMs);
      };
      expect(session.progress).toBeNull();
      const slab = { subject: { task: "slab" }, images: 3, comments: 1, status: "done" };
      await commit({ progress: slab });
      expect(session.progress).toEqual(slab);
      await commit({});
      expect(session.progress).toEqual(slab);
      const roof = { subject: { task: "roof" }, images: 0, comments: 0, status: null };
      await commit({ progress: roof, status: "ended" });
      expect(session.turns).toBe(0);
      expect(session.progress).toEqual(roof);
      expect(await count("progress_updates", "chat_user = 'reporter'")).toBe(1);
      const late = { ...turnIn("reporter", { ...session, lastSeq: 9 }), progress: slab };
      expect(await store.commit(late, claim)).toBe("conflict");
      await commit({ progress: "end" });
      expect(session.progress).toBeNull();
    });

    it("keeps the files of a message with it, and gives them with the history (V16)", async () => {
      const session = await open("photographer");
      const photo = {
        type: "photo",
        mimeType: "image/jpeg",
        size: 9,
        fileName: "a\u0000.jpg",
        source: { kind: "url", url: "https://example.com/1.jpg" },
      } as const;
      const turn = turnIn("photographer", session, { text: "", media: [photo] });
      expect(await store.commit(turn, claim)).toBe("committed");
      const after = await store.load(keyOf("photographer"), dayMs);
      expect(after.messages[0]).toEqual({
        seq: 1,
        role: "user",
        body: "",
        menu: null,
        media: [{ ...photo, fileName: "a\uFFFD.jpg" }],
      });
      expect(Object.keys(after.messages[1]!)).not.toContain("media");
    });

    it("leaves replies to the holder of the token, or to the owner of the turns, as the channel wants (V15)", async () => {
      const webhookKey = { ...keyOf("both"), channel: "webhook" };
      const session = await store.load(webhookKey, dayMs);
      const turn = turnIn("both", session, { ...webhookKey, sentBy: "owner" });
      expect(await store.commit(turn, claim)).toBe("committed");
      expect(await store.commit(turnIn("both", await open("both")), claim)).toBe("committed");
      const rows = await database.query(
        "select channel, partition from outbox where chat_user = 'both' order by channel",
      );
      expect(rows).toEqual([
        { channel: "telegram", partition: null },
        { channel: "webhook", partition: claim.partition },
      ]);
    });

    it("commits one of eight turns that saw the same session, and nothing of the others", async () => {
      const session = await open("racer");
      const nodes = [store, make(database)];
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, n) => nodes[n % 2]!.commit(turnIn("racer", session), claim)),
      );
      expect(outcomes.toSorted()).toEqual(["committed", ...Array<string>(7).fill("conflict")]);
      expect(await count("outbox", "chat_user = 'racer'")).toBe(1);
      expect(await count("turns", `session_id = ${session.id}`)).toBe(1);
    });

    it("lets an inbound message take effect once, also in a later session (I4, V4)", async () => {
      const session = await open("again");
      const turn = turnIn("again", session);
      expect(await store.commit(turn, claim)).toBe("committed");
      const moved = { ...session, lastSeq: 2 };
      expect(await store.commit({ ...turn, session: moved }, claim)).toBe("duplicate");
      expect(await store.commit(turn, claim)).toBe("duplicate");
      expect(await count("messages", `session_id = ${session.id}`)).toBe(2);
      await store.move(session.id, "end");
      const next = await store.load(keyOf("again"), dayMs);
      const repeated = { ...turnIn("again", next), inboundId: turn.inboundId };
      expect(await store.commit(repeated, claim)).toBe("duplicate");
      expect(await count("messages", `session_id = ${next.id}`)).toBe(0);
    });

    it("refuses an owner whose epoch has passed, and leaves nothing behind (I6)", async () => {
      const session = await open("stale");
      await store.claimPartition(0, "new");
      expect(await store.commit(turnIn("stale", session), claim)).toBe("stale-owner");
      expect(await count("messages", `session_id = ${session.id}`)).toBe(0);
      expect(await count("turns", `session_id = ${session.id}`)).toBe(0);
    });

    it("refuses a turn of a session that has ended meanwhile", async () => {
      const session = await open("over");
      await store.move(session.id, "end");
      expect(await store.commit(turnIn("over", session), claim)).toBe("conflict");
      expect(await count("messages", `session_id = ${session.id}`)).toBe(0);
    });

    it("refuses a turn of a session that was given to a person, or back, meanwhile", async () => {
      const session = await open("escalated");
      await store.move(session.id, "escalate");
      expect(await store.commit(turnIn("escalated", session), claim)).toBe("conflict");
      const now = await store.load(keyOf("escalated"), dayMs);
      await store.move(session.id, "resolve");
      const late = turnIn("escalated", now, { status: "escalated" });
      expect(await store.commit(late, claim)).toBe("conflict");
      expect(await count("messages", `session_id = ${session.id}`)).toBe(0);
    });

    it("stores text that Postgres cannot hold, made harmless", async () => {
      const session = await open("odd");
      const text = "a\u0000b \ud83d c";
      expect(await store.commit(turnIn("odd", session, { text }), claim)).toBe("committed");
      const [message] = (await store.load(keyOf("odd"), dayMs)).messages;
      expect(message?.body).toBe("a\uFFFDb \uFFFD c");
    });

    it("lets what is wrong with one turn touch no other that is committed beside it", async () => {
      claim = await store.claimPartition(0, "owner");
      const users = Array.from({ length: 40 }, (_, n) => `beside-${n}`);
      const sessions = await Promise.all(users.map((user) => store.load(keyOf(user), dayMs)));
      const turns = sessions.map((session, n) => {
        const reply = { seq: 2, body: "Bonjour!", menu: null, randomId: randomId() };
        if (n === 7) return turnIn(users[n]!, session, { text: "\u0000\ud83d" });
        // More than the column's 64 bits: the database refuses the turn.
        const tooLong = { ...reply, randomId: "9".repeat(20) };
        return turnIn(users[n]!, session, { replies: [n === 20 ? tooLong : reply] });
      });
      const outcomes = await Promise.allSettled(turns.map((turn) => store.commit(turn, claim)));
      expect(outcomes.map(({ status }) => status).indexOf("rejected")).toBe(20);
      const committed = outcomes.filter((one) => one.status === "fulfilled");
      expect(committed.map(({ value }) => value)).toEqual(Array(39).fill("committed"));
      expect(await count("outbox", "chat_user like 'beside-%'")).toBe(39);
      expect(await count("messages", `session_id = ${sessions[20]!.id}`)).toBe(0);
    });

    it("counts one look at the session per turn (V2)", async () => {
      claim = await store.claimPartition(0, "owner");
      statements.length = 0;
      const session = await store.load(keyOf("counted"), dayMs);
      await store.commit(turnIn("counted", session), claim);
      expect(statements.filter(isLookup)).toHaveLength(1);
      expect(statements).toHaveLength(2);
    });

    it("keeps many users' turns whole and in order when two nodes commit at the same time (V3)", async () => {
      claim = await store.claimPartition(0, "owner");
      const nodes = [store, make(database)];
      const users = Array.from({ length: 60 }, (_, n) => `crowd-${n}`);
      const talk = async (user: string, node: ConversationStore) => {
        for (let turn = 1; turn <= 5; turn += 1) {
          const session = await node.load(keyOf(user), dayMs);
          const outcome = await node.commit(
            turnIn(user, session, { text: `${user} says ${turn}` }),
            claim,
          );
          expect(outcome).toBe("committed");
        }
      };
      await Promise.all(users.map((user, n) => talk(user, nodes[n % 2]!)));
      const rows = await database.query<{ chat_user: string; said: string[] }>(
        `select s.chat_user, array_agg(m.body order by m.seq) filter (where m.role = 'user') as said
         from conversation_sessions s join messages m on m.session_id = s.id
         where s.chat_user like 'crowd-%' group by s.chat_user`,
      );
      expect(rows).toHaveLength(60);
      for (const { chat_user: user, said } of rows) {
        expect(said).toEqual(Array.from({ length: 5 }, (_, n) => `${user} says ${n + 1}`));
      }
    });
  });
}
