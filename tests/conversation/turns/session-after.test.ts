import { describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { sessionAfter } from "../../../src/conversation/turns/session-after.ts";

const rules = conversationRules(conversationMachine);
const session = { id: "7", turns: 3, lastSeq: 10 };
const replies = [{}, {}];

describe("a session after a turn", () => {
  it("has one turn more, and a number for the message and for each reply", () => {
    expect(sessionAfter(rules, session, { status: "active", replies })).toEqual({
      id: "7",
      decision: "SESSION_REUSED",
      status: "active",
      turns: 4,
      lastSeq: 13,
    });
  });

  it("is with a person when the turn has escalated it", () => {
    expect(sessionAfter(rules, session, { status: "escalated", replies: [] })).toMatchObject({
      decision: "SESSION_WITH_HUMAN",
      lastSeq: 11,
    });
  });

  it("is over when the turn has ended it", () => {
    expect(sessionAfter(rules, session, { status: "ended", replies })).toBeNull();
  });
});
