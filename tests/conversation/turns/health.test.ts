import { beforeEach, describe, expect, it } from "vitest";
import {
  type ConversationHealth,
  createConversationHealth,
} from "../../../src/conversation/turns/health.ts";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules, type SessionDecision } from "../../../machines/conversation-rules.ts";
import { createTestClock, type TestClock } from "../../fixtures/test-clock.ts";

const rules = conversationRules(conversationMachine);
let clock: TestClock;
let signs: string[];
let health: ConversationHealth;
beforeEach(() => {
  clock = createTestClock(0);
  signs = [];
  health = createConversationHealth({
    rules,
    clock,
    onSign: (sign, { chatUser }) => signs.push(`${sign} ${chatUser}`),
  });
});

const key = (chatUser = "u") => ({ channel: "telegram", account: "a", chatUser });
const message = { seq: 1, role: "user", body: "hi", menu: null } as const;

interface Met {
  readonly id: string;
  readonly decision?: SessionDecision;
  readonly turns?: number;
  readonly history?: number;
  readonly end?: boolean;
}

const meet = ({ id, decision = "SESSION_REUSED", turns = 1, history = turns, end = false }: Met) =>
  health.committed(
    key(),
    { id, decision, turns, messages: Array.from({ length: history }, () => message) },
    end ? "ended" : "active",
  );
const open = (id: string, decision: SessionDecision, end = false) =>
  meet({ id, decision, turns: 0, end });

describe("the health of conversations (O1)", () => {
  it("is well while sessions are reused, end and expire", () => {
    open("1", "SESSION_CREATED_FIRST_CONTACT");
    meet({ id: "1" });
    meet({ id: "1", turns: 2, end: true });
    clock.advance(20_000);
    open("2", "SESSION_CREATED_AFTER_END");
    clock.advance(86_400_000);
    open("3", "SESSION_CREATED_AFTER_EXPIRY");
    expect(signs).toEqual([]);
  });

  it("shows a context that was lost: another session while the last one was open", () => {
    open("1", "SESSION_CREATED_FIRST_CONTACT");
    clock.advance(20_000);
    open("2", "SESSION_CREATED_AFTER_END");
    meet({ id: "2" });
    expect(signs).toEqual(["CONTEXT_LOST u"]);
  });

  it("shows a history that is empty where there were turns", () => {
    meet({ id: "1", turns: 3, history: 0 });
    expect(signs).toEqual(["HISTORY_EMPTY u"]);
  });

  it("shows more than one session of a user within 10 s, and not two in 10 s", () => {
    open("1", "SESSION_CREATED_FIRST_CONTACT", true);
    clock.advance(10_000);
    open("2", "SESSION_CREATED_AFTER_END", true);
    expect(signs).toEqual([]);
    clock.advance(9_999);
    open("3", "SESSION_CREATED_AFTER_END", true);
    expect(signs).toEqual(["RAPID_CREATES u"]);
  });

  it("calls more than ten within a minute critical", () => {
    for (let session = 1; session <= 11; session += 1) {
      open(String(session), "SESSION_CREATED_AFTER_END", true);
      clock.advance(5_000);
    }
    expect(signs.filter((sign) => sign.startsWith("RAPID_CREATES_CRITICAL"))).toHaveLength(1);
  });

  it("keeps a bounded number of users in mind", () => {
    const small = createConversationHealth({
      rules,
      clock,
      usersMax: 2,
      onSign: (sign, { chatUser }) => signs.push(`${sign} ${chatUser}`),
    });
    const first = { decision: "SESSION_CREATED_FIRST_CONTACT", turns: 0, messages: [] } as const;
    for (const user of ["a", "b", "c"])
      small.committed(key(user), { ...first, id: user }, "active");
    for (const user of ["a", "c"]) small.committed(key(user), { ...first, id: "9" }, "active");
    expect(signs).toEqual(["CONTEXT_LOST c", "RAPID_CREATES c"]);
  });
});
