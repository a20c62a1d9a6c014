import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAdoptionStore } from "../../../src/adapters/postgres/adoption-store.ts";
import { createConversationRecords } from "../../../src/adapters/postgres/conversation-records.ts";
import { createConversationStore } from "../../../src/adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { openOldConversations } from "../../../src/adapters/postgres/old-conversations.ts";
import { adoptConversations } from "../../../src/conversation/adoption/adopt.ts";
import { sessionRules } from "../../../src/node/rules.ts";
import {
  createEmptyDatabase,
  createTestDatabase,
  type TestDatabase,
} from "../../fixtures/database.ts";
import { createOldBot, fillByRace, type OldBot } from "../../fixtures/old-bot.ts";

const to = { channel: "webhook", account: "webhook" };
const anHourMs = 3_600_000;

let old: OldBot;
let test: TestDatabase;
let database: Database;
beforeEach(async () => {
  [old, test] = await Promise.all([createOldBot(), createTestDatabase()]);
  database = openDatabase(test.url);
});
afterEach(async () => {
  await database.close();
  await Promise.all([old.drop(), test.drop()]);
});

interface Adopt {
  readonly dryRun?: boolean;
  readonly user?: string;
  /** The process dies while it reads: in the middle of a transaction, and of a session. */
  readonly messagesUntilBreak?: number;
}

async function adopt({ dryRun = false, user, messagesUntilBreak = Infinity }: Adopt = {}) {
  const from = await openOldConversations(old.url, { channel: "webhook", user });
  let read = 0;
  const breaking = {
    ...from,
    async *messages(ids: readonly string[]) {
      for await (const part of from.messages(ids)) {
        read += part.length;
        yield part;
        if (read > messagesUntilBreak) throw new Error("broken off");
      }
    },
  };
  try {
    const counts = await from.count();
    const store = createAdoptionStore(database, to);
    return await adoptConversations({ old: breaking, counts, store, dryRun });
  } finally {
    await from.close();
  }
}

const count = async (text: string): Promise<number> =>
  (await database.query<{ n: number }>(`select count(*)::int as n from ${text}`))[0]?.n ?? -1;

const load = (chatUser: string, inactiveAfterMs = 24 * anHourMs) =>
  createConversationStore(database, { rules: sessionRules }).load(
    { ...to, chatUser },
    inactiveAfterMs,
  );

/** Every row of what an adoption writes. */
const written = async () =>
  JSON.stringify([
    await database.query("select * from conversation_sessions order by id"),
    await database.query("select * from turns order by session_id, seq"),
    await database.query("select * from adopted_sessions order by source_id"),
  ]);

describe("a database that was filled by the old bot's race", () => {
  const [users, messages] = [100, 4000];
  beforeEach(() => fillByRace(old, { users, messages }));

  it("comes over whole, with each user's newest active session as the one that goes on", async () => {
    expect(await adopt()).toEqual({
      users,
      sessions: { found: 400, active: 100, ended: 200, history: 100, adoptedBefore: 0, skipped: 0 },
      messages: { found: messages, copied: messages, adoptedBefore: 0, skipped: 0 },
      toolOutputs: 0,
      skipped: [],
    });
    expect(await count("messages")).toBe(messages);
    const newest = await old.run<{ id: string }>(
      `select distinct on (subcontractor_id) id from conversation_sessions where status = 'active'
       order by subcontractor_id, last_message_at desc`,
    );
    const active = await database.query<{ id: string }>(
      `select a.source_id as id from conversation_sessions s join adopted_sessions a on a.session_id = s.id
       where s.status = 'active'`,
    );
    expect(active.map(({ id }) => id).toSorted()).toEqual(newest.map(({ id }) => id).toSorted());
    expect(
      await count("conversation_sessions where status = 'ended' and ended_at is not null"),
    ).toBe(300);
  });

  it("stays as it was, to the place of each row", async () => {
    const before = await old.fingerprint();
    await adopt();
    expect(await old.fingerprint()).toBe(before);
    await old.run(
      "update messages set content = content where id = (select id from messages limit 1)",
    );
    expect(await old.fingerprint()).not.toBe(before);
  });

  it("adds nothing when it comes a second time", async () => {
    await adopt();
    const before = await written();
    expect(await adopt()).toMatchObject({
      sessions: { found: 400, active: 0, ended: 0, history: 0, adoptedBefore: 400 },
      messages: { copied: 0, adoptedBefore: messages, skipped: 0 },
    });
    expect(await written()).toBe(before);
  });

  it("is counted by a dry run as it is brought over, and nothing is written", async () => {
    const before = await written();
    const foreseen = await adopt({ dryRun: true });
    expect(await written()).toBe(before);
    expect(await adopt()).toEqual(foreseen);
  });

  it("is whole after a run that was broken off and another, with no session half there meanwhile", async () => {
    await old.run("delete from messages");
    await old.run("delete from conversation_sessions");
    await old.run("delete from subcontractors");
    await fillByRace(old, { users: 500, messages: 12_000 });
    await expect(adopt({ messagesUntilBreak: 7500 })).rejects.toThrow("broken off");
    const part = await count("conversation_sessions");
    expect(part).toBeGreaterThan(0);
    expect(part).toBeLessThan(2000);
    expect(
      await count(
        `(select s.id from conversation_sessions s left join turns t on t.session_id = s.id
          group by s.id having count(t.seq) <> s.turns) halves`,
      ),
    ).toBe(0);
    expect(
      await count(
        "turns t where not exists (select from conversation_sessions s where s.id = t.session_id)",
      ),
    ).toBe(0);
    const { sessions } = await adopt();
    expect(sessions).toMatchObject({ found: 2000, adoptedBefore: part });
    expect(await count("messages")).toBe(12_000);
    expect(await count("conversation_sessions where status = 'active'")).toBe(500);
    expect(await count("conversation_sessions")).toBe(2000);
  });

  it("carries language and project into the session after it, too (V14)", async () => {
    await adopt();
    const [kept] = await old.run<{ project: string }>(
      "select active_project_id as project from subcontractors where contact_telephone = '+33600000002'",
    );
    const context = { language: "fr", project: kept?.project };
    expect((await load("whatsapp:+33600000002")).context).toEqual(context);
    const next = await load("whatsapp:+33600000002", 1);
    expect(next).toMatchObject({ decision: "SESSION_CREATED_AFTER_EXPIRY", context });
    expect(Number(next.id)).toBeGreaterThan(0);
  });
});

describe("a session that goes on", () => {
  it("gives the next turn what was said last, in the session that goes on (V5)", async () => {
    await fillByRace(old, { users: 2, messages: 40 * 8 });
    await adopt();
    const session = await load("whatsapp:+33600000002");
    expect(session.decision).toBe("SESSION_REUSED");
    expect(session.messages).toHaveLength(20);
    expect(session.messages.at(0)).toMatchObject({ seq: 21, role: "user", body: "question 21" });
    expect(session.messages.at(-1)).toMatchObject({ seq: 40, role: "bot", body: "answer 40" });
    expect(session.toolOutputs).toEqual([
      { seq: 19 * 64, name: "list_projects_tool", output: 20 },
      { seq: 39 * 64, name: "list_projects_tool", output: 40 },
    ]);
  });

  it("takes the next turn, and is known to the record of conversations", async () => {
    await fillByRace(old, { users: 2, messages: 40 * 8 });
    await adopt();
    const store = createConversationStore(database, { rules: sessionRules });
    const claim = await store.claimPartition(0, "owner");
    const [chatUser, session] = ["whatsapp:+33600000001", await load("whatsapp:+33600000001")];
    const turn = {
      ...to,
      chatUser,
      session,
      inboundId: "m:new",
      peer: { userId: chatUser, accessHash: "" },
      text: "And now?",
      snapshot: null,
      context: session.context,
      toolOutputs: [],
      replies: [{ seq: 42, body: "Go on.", menu: null, randomId: "7" }],
      status: "active",
      sentBy: "holder",
    } as const;
    expect(await store.commit(turn, claim)).toBe("committed");
    expect((await load(chatUser)).messages.slice(-3).map(({ seq, body }) => [seq, body])).toEqual([
      [40, "answer 40"],
      [41, "And now?"],
      [42, "Go on."],
    ]);
    const records = createConversationRecords(database, sessionRules);
    expect((await records.show(session.id, 100))?.turns).toHaveLength(21);
    const listed = await records.list({ account: to.account, limit: 100 });
    expect(listed).toHaveLength(8);
    expect(listed.map(({ id }) => Number(id))).toEqual([-1, -2, -3, -4, -5, -6, -7, -8]);
    const after = await records.list({ account: to.account, limit: 2, before: "-5" });
    expect(after.map(({ id }) => id)).toEqual(["-6", "-7"]);
  });
});

describe("a user who has talked here already", () => {
  it("goes on in the session here, and the old ones lie before it", async () => {
    await fillByRace(old, { users: 2, messages: 80 });
    const mine = await load("whatsapp:+33600000001");
    const row = () =>
      database.query("select * from conversation_sessions where id = $1", [mine.id]);
    const before = await row();
    expect(await adopt({ dryRun: true })).toMatchObject({
      sessions: { active: 1, ended: 5, history: 2 },
    });
    expect(await adopt()).toMatchObject({ sessions: { active: 1, ended: 5, history: 2 } });
    expect(await load("whatsapp:+33600000001")).toMatchObject({ id: mine.id, messages: [] });
    expect(await row()).toEqual(before);
    // What the newest session remembers goes on to the next one: it is the one here.
    await database.query(
      'update conversation_sessions set context = \'{"language": "ro"}\' where id = $1',
      [mine.id],
    );
    expect((await load("whatsapp:+33600000001", 0)).context).toEqual({ language: "ro" });
  });

  it("who opens a session while the adoption runs keeps it as the only one", async () => {
    await fillByRace(old, { users: 1, messages: 8 });
    const from = await openOldConversations(old.url, { channel: "webhook" });
    const store = createAdoptionStore(database, to);
    const counts = await from.count();
    const opening = {
      ...from,
      async *sessions() {
        for await (const part of from.sessions()) {
          await load("whatsapp:+33600000001");
          yield part;
        }
      },
    };
    const { sessions } = await adoptConversations({ old: opening, counts, store, dryRun: false });
    await from.close();
    expect(sessions).toMatchObject({ active: 0, ended: 3, history: 1 });
    expect(await count("conversation_sessions where status in ('active', 'escalated')")).toBe(1);
  });
});

describe("what cannot come over", () => {
  it("is counted with the reason", async () => {
    await fillByRace(old, { users: 2, messages: 16 });
    await old.run(
      "update subcontractors set contact_telephone = null where contact_telephone = '+33600000002'",
    );
    const [session] = await old.run<{ id: string }>(
      `select c.id from conversation_sessions c join subcontractors s on s.id = c.subcontractor_id
       where contact_telephone = '+33600000001' and status = 'ended'`,
    );
    await old.run(
      `insert into messages (session_id, content, direction, media_url, metadata) values
       ($1, 'of nobody', null, null, null), ($1, repeat('x', 70000), 'inbound', null, null), ($1, null, 'inbound', null, null),
       (null, 'lost', 'inbound', null, null),
       ($1, null, 'inbound', 'https://files.example/1.jpg', '{"tool_outputs": [{"output": 1}]}')`,
      [session?.id],
    );
    expect(await adopt()).toEqual({
      users: 1,
      sessions: { found: 8, active: 1, ended: 2, history: 1, adoptedBefore: 0, skipped: 4 },
      messages: { found: 21, copied: 9, adoptedBefore: 0, skipped: 12 },
      toolOutputs: 0,
      skipped: expect.arrayContaining([
        { reason: "sessions whose user has no name here", count: 4 },
        { reason: "messages of skipped sessions", count: 8 },
        { reason: "messages that are neither the user's nor the bot's", count: 1 },
        { reason: "messages that are too long", count: 1 },
        { reason: "messages without text or file", count: 1 },
        { reason: "messages of no session", count: 1 },
        { reason: "tool outputs without a name", count: 1 },
      ]),
    });
    expect(await database.query("select media from turns where media is not null")).toMatchObject([
      { media: [{ source: { kind: "url", url: "https://files.example/1.jpg" } }] },
    ]);
  });

  it.each([
    [
      "alter table messages drop column content",
      "messages.content or message_text or body or text",
    ],
    [
      "alter table conversation_sessions drop column subcontractor_id",
      "conversation_sessions.subcontractor_id or user_id",
    ],
    ["drop table messages", "messages.session_id, messages.content"],
  ])(
    "as the database has another shape (%s) is refused with what is missing",
    async (change, missing) => {
      await old.run(change);
      await expect(adopt()).rejects.toMatchObject({
        code: "OLD_DATABASE_UNKNOWN",
        message: expect.stringContaining(missing),
      });
    },
  );

  it("from an empty database, or from one of Holdfast's own, is refused", async () => {
    const empty = await createEmptyDatabase();
    const open = (url: string, channel = "webhook") => openOldConversations(url, { channel });
    await expect(open(empty.url)).rejects.toMatchObject({ code: "OLD_DATABASE_UNKNOWN" });
    await empty.drop();
    await expect(open(test.url)).rejects.toMatchObject({ code: "OLD_DATABASE_OWN" });
    await expect(open(old.url, "telegram")).rejects.toMatchObject({ code: "OLD_USER_UNKNOWN" });
  });

  it("as rows are hidden from the role is refused in place of fewer rows", async () => {
    await fillByRace(old, { users: 1, messages: 4 });
    await old.run(
      `do $$ begin if not exists (select from pg_roles where rolname = 'old_reader') then create role old_reader login; end if; end $$;
       grant select on all tables in schema public to old_reader;
       alter table conversation_sessions enable row level security`,
    );
    const url = new URL(old.url);
    url.username = "old_reader";
    const from = await openOldConversations(url.href, { channel: "webhook" });
    await expect(from.count()).rejects.toMatchObject({
      code: "OLD_DATABASE_UNAVAILABLE",
      message: expect.stringContaining("row-level security"),
    });
    await from.close();
  });
});
