import { describe, expect, it } from "vitest";
import { createSetAside } from "../../../src/conversation/turns/set-aside.ts";
import type { InboundItem } from "../../../src/ports/conversation/inbound-stream.ts";

const why = { code: "BOT_HANGS", reason: "BOT_HANGS: it has not ended" };
const itemOf = (inboundId: string, replay?: string): InboundItem => ({
  channel: "telegram",
  account: "a",
  chatUser: "1",
  peer: { userId: "1", accessHash: "7" },
  inboundId,
  kind: "text",
  text: "x",
  receivedAtMs: 1,
  ...(replay !== undefined && { replay }),
});
const asideMax = 10_000;
const none = { newest: async () => [] };

describe("what was set aside", () => {
  it("is known by its message; a replay of it is known once it has failed too", () => {
    const aside = createSetAside(none, 0);
    expect(aside.whyOf(itemOf("m:1"))).toBeUndefined();
    aside.add(itemOf("m:1"), why);
    expect(aside.whyOf(itemOf("m:1"))).toBe(why);
    expect(aside.whyOf(itemOf("m:2"))).toBeUndefined();
    expect(aside.whyOf(itemOf("m:1", "parked:1"))).toBeUndefined();
    aside.add(itemOf("m:1", "parked:1"), why);
    expect(aside.whyOf(itemOf("m:1", "parked:1"))).toBe(why);
    expect(aside.whyOf(itemOf("m:1"))).toBe(why);
    expect(aside.whyOf(itemOf("m:1", "parked:2"))).toBeUndefined();
  });

  it("by an earlier owner is learnt, the newest last", async () => {
    const asked: unknown[] = [];
    const found = [{ channel: "telegram", account: "a", inboundId: "m:9", ...why }];
    const newest = async (...of: unknown[]) => {
      asked.push(of);
      return found;
    };
    const aside = createSetAside({ newest }, 3);
    await aside.learn();
    expect(asked).toEqual([[3, asideMax]]);
    expect(aside.whyOf(itemOf("m:9"))).toMatchObject(why);
  });

  it("is bounded: the oldest are forgotten", () => {
    const aside = createSetAside(none, 0);
    for (let n = 0; n <= asideMax; n += 1) aside.add(itemOf(`m:${n}`), why);
    expect(aside.whyOf(itemOf("m:0"))).toBeUndefined();
    expect(aside.whyOf(itemOf("m:1"))).toBe(why);
  });
});
