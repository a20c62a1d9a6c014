import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { createEscalationStore } from "../../src/adapters/postgres/escalation-store.ts";
import { createPersonReplies } from "../../src/adapters/postgres/person-replies.ts";
import { defineBot } from "../../src/bot.ts";
import { createEscalationNotices } from "../../src/conversation/escalation/tell.ts";
import { createHotConversations } from "../../src/conversation/turns/session-cache.ts";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import type { Notice, NoticeWay } from "../../src/ports/accounts/notices.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../fixtures/conversation-bench.ts";

const rules = conversationRules(conversationMachine);
const clock = createSystemClock();

const desk = defineBot({
  name: "desk",
  text(turn, text) {
    if (text === "help") turn.escalate();
    const said = turn.history.filter(({ role }) => role === "person").map(({ body }) => body);
    turn.reply([turn.session.decision, ...said].join(" "));
  },
});

let bench: ConversationBench;
let says: (text: string, user?: string) => Promise<void>;
beforeEach(async () => {
  bench = await openConversationBench();
  const store = createHotConversations(bench.conversations, clock, rules);
  const engine = await bench.makeEngine(desk, { store });
  await engine.start();
  says = async (text, user = "1") => {
    await bench.stream.append([textFrom(user, text)]);
    await bench.stream.emptied();
  };
});
afterEach(() => bench.close());

const escalations = () => createEscalationStore(bench.database);
const list = () => escalations().list({ accounts: "all", limit: 10 });
const figures = () => escalations().figures();
const only = async () => (await list())[0]!;

function notices(way: Partial<NoticeWay> = {}) {
  const sent: Notice[] = [];
  const failures: boolean[] = [];
  const send = async (notice: Notice) => void sent.push(notice);
  const told = createEscalationNotices({
    store: escalations(),
    ways: [{ name: "test", send, ...way }],
    clock,
    everyMs: 1_000,
    onFailure: (_of, _way, _line, isLast) => void failures.push(isLast),
    onFault: (error) => {
      throw error;
    },
  });
  return { ...told, sent, failures };
}

/** As a host reads it that does not remember the session. */
async function asStored(): Promise<string> {
  const key = { channel: "telegram", account: "site-bot", chatUser: "1" };
  return (await bench.conversations.load(key, 3_600_000)).decision;
}

const dueNow = () => bench.database.query("update escalations set next_at = now()");

describe("a session that the bot hands over", () => {
  it("stands in the list with its age and its newest text, until it is given back", async () => {
    await says("hi");
    expect(await list()).toEqual([]);
    await says("help");
    await says("are you there?");
    const one = await only();
    expect(one).toMatchObject({
      account: "site-bot",
      chatUser: "1",
      answered: false,
      last: { by: "user", text: "are you there?" },
    });
    expect(one.ageMs).toBeLessThan(60_000);
    expect(await figures()).toMatchObject({ escalated: 1, unanswered: 1 });
    await bench.conversations.move(one.session, "resolve");
    expect(await list()).toEqual([]);
    expect(await figures()).toEqual({ escalated: 0, unanswered: 0, oldestMs: null });
  });

  it("is told once, with no word of what was said", async () => {
    await says("hi");
    await says("help");
    const { sent, wake } = notices();
    await wake();
    await says("are you there?");
    await dueNow();
    await wake();
    await notices().wake();
    const { session, sinceMs } = await only();
    expect(sent).toMatchObject([
      {
        id: `escalation-${session}-${sinceMs}`,
        account: "site-bot",
        code: "SESSION_ESCALATED",
        text: expect.stringContaining(`conversation reply ${session}`),
      },
    ]);
    expect(sent[0]!.text).not.toMatch(/help|hi\b/);
  });

  it("is told again after it was given back and handed over anew", async () => {
    const { sent, wake } = notices();
    await says("help");
    await wake();
    await bench.conversations.move((await only()).session, "resolve");
    await says("help");
    await wake();
    expect(new Set(sent.map(({ id }) => id)).size).toBe(2);
  });

  it("is told by the next host after a crash between sending and writing it down", async () => {
    await says("help");
    const dies = createEscalationStore(bench.database);
    const crashed = createEscalationNotices({
      store: { ...dies, told: () => Promise.reject(new Error("killed here")) },
      ways: [{ name: "test", send: async () => {} }],
      clock,
      everyMs: 1_000,
      onFailure: () => {},
      onFault: () => {},
    });
    await crashed.wake();
    const next = notices();
    await next.wake();
    expect(next.sent).toEqual([]);
    await dueNow();
    await next.wake();
    expect(next.sent).toHaveLength(1);
  });

  it("is tried again after a rest while no way works, twelve times", async () => {
    await says("help");
    const failing = notices({ send: () => Promise.reject(new Error("no network")) });
    await failing.wake();
    await failing.wake();
    expect(failing.failures).toEqual([false]);
    const [row] = await bench.database.query<{ rest: number }>(
      "select extract(epoch from next_at - now())::float8 as rest from escalations",
    );
    expect(row!.rest).toBeGreaterThan(1);
    expect(row!.rest).toBeLessThanOrEqual(5);
    for (let tries = 2; tries <= 14; tries += 1) {
      await dueNow();
      await failing.wake();
    }
    expect(failing.failures).toEqual([...Array<boolean>(11).fill(false), true]);
    const { escalated } = await figures();
    expect(escalated).toBe(1);
  });

  it("needs no notice when a person took it by a command, or after a day", async () => {
    await says("hi");
    const [row] = await bench.database.query<{ id: string }>(
      "select id::text from conversation_sessions",
    );
    await bench.conversations.move(row!.id, "escalate");
    await says("help", "2");
    await bench.database.query(
      "update escalations set since = now() - interval '25 hours' where chat_user = '2'",
    );
    const { sent, wake } = notices();
    await wake();
    expect(sent).toEqual([]);
    expect((await list()).map(({ chatUser }) => chatUser)).toEqual(["2", "1"]);
  });

  it("claims nothing where no way to a person is set", async () => {
    await says("help");
    const none = createEscalationNotices({
      store: escalations(),
      ways: [],
      clock,
      everyMs: 1_000,
      onFailure: () => {},
      onFault: () => {},
    });
    await none.wake();
    const { sent, wake } = notices();
    await wake();
    expect(sent).toHaveLength(1);
  });
});

describe("a session that a person gives back", () => {
  const answer = async (session: string, body: string) =>
    createPersonReplies(bench.database, rules).say({
      session,
      inboundId: `person:${body}`,
      messages: [{ body, randomId: "77" }],
    });

  it("tells the bot so in its next turn alone, with what the person said", async () => {
    await says("hi");
    await says("help");
    const { session } = await only();
    await says("are you there?");
    await answer(session, "Bob here");
    expect(await only()).toMatchObject({
      answered: true,
      last: { by: "person", text: "Bob here" },
    });
    expect(await figures()).toMatchObject({ escalated: 1, unanswered: 0, oldestMs: null });
    await bench.conversations.move(session, "resolve");
    await answer(session, "The bot goes on");
    await says("thank you");
    await says("bye");
    expect((await bench.repliesTo("1")).slice(-2)).toEqual([
      "SESSION_RETURNED Bob here The bot goes on",
      "SESSION_REUSED Bob here The bot goes on",
    ]);
    expect(bench.decisions.slice(-2)).toEqual(["SESSION_RETURNED", "SESSION_REUSED"]);
    expect(await asStored()).toBe("SESSION_REUSED");
  });

  it("says nothing of a return to a session that no person had", async () => {
    await says("hi");
    const [row] = await bench.database.query<{ id: string }>(
      "select id::text from conversation_sessions",
    );
    await bench.conversations.move(row!.id, "resolve");
    expect(await asStored()).toBe("SESSION_REUSED");
  });
});
