import { createMachine } from "xstate";
import { describe, expect, it } from "vitest";
import { conversationMachine } from "../../machines/conversation.ts";
import {
  conversationRules,
  openingRule,
  type SessionStatus,
  statusAfter,
} from "../../machines/conversation-rules.ts";
import { changedMachine, changedRules } from "../fixtures/models/changed-conversation.ts";
import { conversationModel } from "../fixtures/models/events.ts";
import { edgePaths } from "../fixtures/models/paths.ts";

const rules = conversationRules(conversationMachine);

describe("the tables of the conversation machine", () => {
  it("lead where the machine leads, on every path with every event in every state", () => {
    for (const { steps } of edgePaths(conversationModel, { events: "all" })) {
      let before: keyof typeof rules.inbound = "absent";
      for (const { event, after } of steps) {
        const { type } = event;
        if (type === "inbound") before = rules.inbound[before].to;
        else if (before !== "absent") before = rules.moves[type][before] ?? before;
        expect(before, type).toBe(after.value);
      }
    }
  });

  it("call those sessions open that a message finds", () => {
    expect(rules.open).toEqual(["active", "escalated"]);
  });

  it("take a session that was open for a statement, and is over when it opens one, for ended", () => {
    expect(openingRule(rules, "active").decision).toBe("SESSION_CREATED_AFTER_END");
  });
});

describe("a turn leaves its session", () => {
  const found = (status: SessionStatus) => ({ status, decision: rules.inbound[status].decision });

  it("as the bot asks, and else as the message does", () => {
    expect(statusAfter(rules, found("active"), null)).toBe("active");
    expect(statusAfter(rules, found("active"), "escalate")).toBe("escalated");
    expect(statusAfter(rules, found("active"), "end")).toBe("ended");
    expect(statusAfter(rules, found("escalated"), null)).toBe("escalated");
  });

  it("where the opening message put it, which counts once", () => {
    const once = changedRules("active", "inbound", {
      target: "escalated",
      actions: "sessionReused",
    });
    const opened = { status: "active", decision: "SESSION_CREATED_FIRST_CONTACT" } as const;
    expect(statusAfter(once, opened, null)).toBe("active");
    expect(statusAfter(once, { status: "active", decision: "SESSION_REUSED" }, null)).toBe(
      "escalated",
    );
  });
});

describe("a machine is refused", () => {
  it.each([
    [
      "a guard",
      changedMachine("active", "end", { target: "ended", guard: () => true }),
      "has a guard",
    ],
    [
      "no decision about a message",
      changedMachine("ended", "inbound", { target: "active" }),
      "needs one decision",
    ],
    [
      "a message that nothing takes",
      changedMachine("expired", "inbound", undefined),
      "needs one decision",
    ],
    [
      "a new session that is over at once",
      changedMachine("absent", "inbound", {
        target: "ended",
        actions: { type: "sessionCreated", params: { why: "first-contact" } },
      }),
      "not open",
    ],
    [
      "a session that stays open when it expires",
      changedMachine("active", "inactive", { target: "escalated" }),
      "and open",
    ],
    [
      "a session that becomes absent",
      changedMachine("active", "end", { target: "absent" }),
      "absent",
    ],
    [
      "a state that no session is stored with",
      createMachine({ initial: "asleep", states: { asleep: {} } }),
      "asleep",
    ],
  ])("with %s", (_, machine, reason) => {
    expect(() => conversationRules(machine)).toThrow(reason);
  });
});
