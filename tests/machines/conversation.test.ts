import { describe, expect, it } from "vitest";
import { conversationMachine } from "../../machines/conversation.ts";
import { conversationModel } from "../fixtures/models/events.ts";
import { edgePaths } from "../fixtures/models/paths.ts";
import { specify } from "../fixtures/models/specify.ts";

const inbound = { type: "inbound" } as const;
const conversation = () => specify(conversationMachine, undefined);

describe("a conversation", () => {
  it("begins with the first message of a chat user", () => {
    conversation()
      .is({ state: "absent", context: { sessions: 0 } })
      .on(inbound)
      .is({
        state: "active",
        asks: [{ type: "sessionCreated", params: { why: "first-contact" } }],
        context: { sessions: 1, turns: 1 },
      });
  });

  it("stays one session while it is active, however many messages come", () => {
    conversation()
      .after(inbound, inbound)
      .on(inbound)
      .is({ state: "active", asks: ["sessionReused"], context: { sessions: 1, turns: 3 } });
  });

  it("of a user who returns after it expired is a new session", () => {
    conversation()
      .after(inbound, { type: "inactive" })
      .on(inbound)
      .is({
        state: "active",
        asks: [{ type: "sessionCreated", params: { why: "after-expiry" } }],
        context: { sessions: 2, turns: 1 },
      });
  });

  it("of a user who returns after it ended is a new session", () => {
    conversation()
      .after(inbound, { type: "end" })
      .on(inbound)
      .is({
        state: "active",
        asks: [{ type: "sessionCreated", params: { why: "after-end" } }],
        context: { sessions: 2, turns: 1 },
      });
  });

  it("that a person took over keeps its session for that person", () => {
    conversation()
      .after(inbound)
      .on({ type: "escalate" })
      .is({ state: "escalated" })
      .on(inbound)
      .is({ state: "escalated", asks: ["sessionKeptForHuman"], context: { sessions: 1, turns: 2 } })
      .on({ type: "resolve" })
      .is({ state: "active", asks: ["sessionReturned"], context: { sessions: 1 } });
  });

  it("that a person took over does not expire under that person's hands", () => {
    conversation()
      .after(inbound, { type: "escalate" })
      .on({ type: "inactive" })
      .is({ state: "escalated" });
  });

  it("that a person took over may be ended by that person", () => {
    conversation().after(inbound, { type: "escalate" }).on({ type: "end" }).is({ state: "ended" });
  });
});

describe("on every path of a conversation, with every event in every state", () => {
  const paths = edgePaths(conversationModel, { events: "all" });

  it("[I3] a session is created only while none is open", () => {
    for (const path of paths) {
      let open = 0;
      for (const { after, asks } of path.steps) {
        if (asks.some(({ type }) => type === "sessionCreated")) open += 1;
        expect(open).toBeLessThanOrEqual(1);
        if (after.value === "ended" || after.value === "expired") open = 0;
      }
    }
  });

  it("each message takes part in exactly one session, and each decision is told once", () => {
    for (const { steps } of paths) {
      for (const { event, asks } of steps) {
        const decided = asks.filter(({ type }) => type !== "sessionReturned");
        expect(decided).toHaveLength(event.type === "inbound" ? 1 : 0);
        const told = asks.length - decided.length;
        expect(told).toBeLessThanOrEqual(event.type === "resolve" ? 1 : 0);
      }
    }
  });

  it("the number of sessions rises by one with each creation and never falls", () => {
    for (const path of paths) {
      let created = 0;
      for (const { after, asks } of path.steps) {
        created += asks.filter(({ type }) => type === "sessionCreated").length;
        expect(after.context.sessions).toBe(created);
      }
    }
  });
});
