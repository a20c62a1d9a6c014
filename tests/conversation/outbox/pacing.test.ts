import { describe, expect, it } from "vitest";
import { createPacing, type ReplyPace } from "../../../src/conversation/outbox/pacing.ts";
import { createOutboxSender } from "../../../src/conversation/outbox/sender.ts";
import { createReplyTable } from "../../fixtures/reply-table.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const pace: ReplyPace = {
  account: { perSecond: 10, burst: 10 },
  chat: { perSecond: 1, burst: 3 },
};

async function settled(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await new Promise((go) => setImmediate(go));
}

/** A sender whose channel takes everything at once. */
function scene() {
  const clock = createTestClock();
  const table = createReplyTable(clock);
  const sender = createOutboxSender({
    account: "shop",
    replies: table.replies,
    channel: { deliver: async () => ({ kind: "sent", messageId: 1, readBack: false }) },
    clock,
    events: { report: () => {} },
    pacing: createPacing(pace, clock),
    onFlood: () => {},
    onTokenLost: () => {},
    onReply: () => {},
  });
  const sentTo = (start: string) => table.of(start).filter(({ state }) => state === "sent").length;
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settled();
  };
  return { table, sender, sentTo, pass };
}

describe("a pace", () => {
  it("lets a burst go at once, and then so many a second", () => {
    const clock = createTestClock();
    const pacing = createPacing(pace, clock);
    const waits: number[] = [];
    for (let reply = 0; reply < 5; reply += 1) {
      waits.push(pacing.chatWaitMs("a"));
      clock.advance(pacing.chatWaitMs("a"));
      pacing.spend("a");
    }
    expect(waits).toEqual([0, 0, 0, 1000, 1000]);
    expect(pacing.chatWaitMs("b")).toBe(0);
    clock.advance(60_000);
    expect(pacing.chatWaitMs("a")).toBe(0);
  });

  it("holds up one chat that is over its rate, and no other", async () => {
    const { table, sender, sentTo, pass } = scene();
    table.add("chatty", 8);
    await sender.start();
    await settled();
    expect(sentTo("chatty")).toBe(3);
    table.add("other", 2);
    sender.notify();
    await settled();
    expect(sentTo("other")).toBe(2);
    await pass(999);
    expect(sentTo("chatty")).toBe(3);
    await pass(1);
    expect(sentTo("chatty")).toBe(4);
    for (let second = 0; second < 4; second += 1) await pass(1000);
    expect(sentTo("chatty")).toBe(8);
  });

  it("holds up the account that is over its rate", async () => {
    const { table, sender, sentTo, pass } = scene();
    for (let chat = 0; chat < 15; chat += 1) table.add(`chat-${chat}`);
    await sender.start();
    await settled();
    expect(sentTo("chat")).toBe(10);
    await pass(100);
    expect(sentTo("chat")).toBe(11);
    for (let step = 0; step < 4; step += 1) await pass(100);
    expect(sentTo("chat")).toBe(15);
  });
});
