import { describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules, openingRule } from "../../../machines/conversation-rules.ts";
import {
  createTurnDraft,
  recordOfAnswer,
  recordWithoutBot,
} from "../../../src/conversation/turns/draft.ts";
import { sessionAfter } from "../../../src/conversation/turns/session-after.ts";
import type { Turn } from "../../../src/ports/conversation/bot.ts";
import type { LoadedSession } from "../../../src/ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../../src/ports/conversation/inbound-stream.ts";

const rules = conversationRules(conversationMachine);
const session = { id: "7", turns: 3, lastSeq: 10 };
const replies = [{}, {}];

const item: InboundItem = {
  channel: "telegram",
  account: "site-bot",
  chatUser: "5",
  peer: { userId: "5", accessHash: "0" },
  inboundId: "m:1",
  kind: "text",
  text: "Help",
  receivedAtMs: 0,
};
const loaded: LoadedSession = {
  ...session,
  decision: "SESSION_REUSED",
  status: "active",
  snapshot: null,
  context: null,
  progress: null,
  messages: [],
  toolOutputs: [],
};
const unasked = () => Promise.reject(new Error("The bot of these specs asks nothing outside."));

const material = { item, session: loaded, sentBy: "holder", rules } as const;

/** What is committed of a turn in which the bot asked for this. */
function recordOf(ask: (turn: Turn) => void) {
  const draft = createTurnDraft({
    item,
    session: loaded,
    input: { kind: "text", text: item.text },
    style: "buttons",
    steps: unasked,
    media: { read: unasked },
    log: () => {},
  });
  ask(draft.turn);
  return recordOfAnswer(material, { text: item.text }, draft.seal());
}

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

  it("keeps the messages of its user for a person after the bot has called escalate()", () => {
    const record = recordOf((turn) => {
      turn.reply("A colleague answers you.");
      turn.escalate();
    });
    const head = sessionAfter(rules, loaded, record)!;
    expect(head).toMatchObject({ decision: "SESSION_WITH_HUMAN", turns: 4, lastSeq: 12 });
    const next = { ...loaded, ...head };
    const kept = recordWithoutBot({
      ...material,
      item: { ...item, inboundId: "m:2" },
      session: next,
    });
    expect(sessionAfter(rules, next, kept)).toEqual({ ...head, turns: 5, lastSeq: 13 });
  });

  it("is followed by another session after the bot has called end()", () => {
    const record = recordOf((turn) => turn.end());
    expect(sessionAfter(rules, loaded, record)).toBeNull();
    expect(openingRule(rules, record.status)).toEqual({
      decision: "SESSION_CREATED_AFTER_END",
      to: "active",
    });
  });
});
