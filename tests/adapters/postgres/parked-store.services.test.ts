import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createParkedReplay } from "../../../src/conversation/turns/parked-replay.ts";
import type { InboundItem } from "../../../src/ports/conversation/inbound-stream.ts";
import type { PartitionClaim } from "../../../src/ports/conversation/conversation-store.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { echo } from "../../fixtures/test-bots.ts";

let bench: ConversationBench;
let claim: PartitionClaim;
beforeEach(async () => {
  bench = await openConversationBench();
  claim = await bench.conversations.claimPartition(0, "bench");
});
afterEach(() => bench.close());

const why = (code = "UNEXPECTED") => ({ code, reason: `${code}: broken` });
const all = { accounts: "all", limit: 999 } as const;
const park = (item: InboundItem, code?: string) => bench.parked.park(item, why(code), claim);

/** Puts them back, and answers what was appended, in order. */
function openReplay() {
  const appended: { item: InboundItem; id: string }[] = [];
  const replay = createParkedReplay({
    parked: bench.parked,
    stream: { appendAgain: async (item, id) => void appended.push({ item, id }) },
  });
  return { replay, appended, texts: () => appended.map(({ item }) => item.text) };
}

describe("a turn that is set aside", () => {
  it("is shown with its message and its reason, the newest first, and kept once", async () => {
    const [first, second] = [textFrom("1", "a\u0000b"), textFrom("2", "two")];
    for (const item of [first, second, first]) expect(await park(item)).toBe("parked");
    const listed = await bench.parked.list(all);
    expect(listed.map(({ item }) => item?.text)).toEqual(["a\uFFFDb", "two"]);
    expect(listed[0]).toMatchObject({ reason: "UNEXPECTED: broken" });
    expect(await bench.parked.count(all)).toBe(2);
  });

  it("is not, by an owner whose epoch has passed (I6)", async () => {
    const item = textFrom("1", "late");
    await bench.conversations.claimPartition(0, "next");
    expect(await park(item)).toBe("stale-owner");
    expect(await bench.parked.count(all)).toBe(0);
  });

  it("is not, where it took effect (I4)", async () => {
    const item = textFrom("1", "done");
    const engine = await bench.makeEngine(echo);
    await engine.start();
    await bench.stream.append([item]);
    await bench.stream.emptied();
    claim = await bench.conversations.claimPartition(0, "bench");
    expect(await park(item)).toBe("taken");
    expect(await bench.parked.count(all)).toBe(0);
  });

  it("keeps its steps as long as it waits", async () => {
    const [parked, forgotten] = [textFrom("1", "parked"), textFrom("1", "forgotten")];
    for (const item of [parked, forgotten]) await bench.steps.keep(item, "charge", 1);
    await park(parked);
    await bench.database.query("update turn_steps set created_at = now() - interval '8 days'");
    await bench.steps.clear(60_000);
    expect(await bench.steps.find(parked, "charge")).toBe(1);
    expect(await bench.steps.find(forgotten, "charge")).toBeUndefined();
  });

  it("is shown to a caller of its account alone", async () => {
    await park(textFrom("1", "mine"));
    await park({ ...textFrom("1", "theirs"), account: "other" });
    await bench.parked.keep({ source: "s:1", data: "{", item: null, reason: "ITEM_MALFORMED: x" });
    const listed = async (accounts: "all" | readonly string[]) =>
      (await bench.parked.list({ accounts, limit: 9 })).map(({ item }) => item?.text);
    expect(await listed(["other"])).toEqual(["theirs"]);
    expect(await listed("all")).toEqual([undefined, "theirs", "mine"]);
  });
});

describe("a replay", () => {
  it("takes all again in the order in which they were set aside, and forgets them", async () => {
    for (let n = 0; n < 230; n += 1) await park(textFrom(String(n % 3), `text ${n}`));
    const { replay, texts } = openReplay();
    const parts: number[] = [];
    for (let until: string | undefined; ; ) {
      const part = await replay.next({ accounts: "all", until });
      parts.push(part.replayed);
      until = part.until;
      if (part.left === 0) break;
    }
    expect(parts).toEqual([100, 100, 30]);
    expect(texts()).toEqual(Array.from({ length: 230 }, (_, n) => `text ${n}`));
    expect(await bench.parked.count(all)).toBe(0);
  });

  it("takes those of one reason again, and what fails anew once", async () => {
    const [late, broken] = [textFrom("1", "late"), textFrom("1", "broken")];
    await park(late, "BOT_TIMED_OUT");
    await park(broken);
    const { replay, texts } = openReplay();
    const query = { accounts: "all", code: "BOT_TIMED_OUT" } as const;
    const { until, left } = await replay.next(query);
    await park(late, "BOT_TIMED_OUT");
    expect([left, (await replay.next({ ...query, until })).replayed]).toEqual([0, 0]);
    expect(texts()).toEqual(["late"]);
    expect(await bench.parked.count(all)).toBe(2);
  });

  it("of one message is done once, and never of what can be no turn", async () => {
    await park(textFrom("1", "poison"));
    await bench.parked.keep({ source: "s:1", data: "{", item: null, reason: "ITEM_MALFORMED: x" });
    const [malformed, poison] = await bench.parked.list(all);
    const { replay, texts } = openReplay();
    expect(await replay.one("x", "all")).toBe(false);
    expect(await replay.one(malformed!.id, "all")).toBe(false);
    expect(await replay.one(poison!.id, ["other"])).toBe(false);
    expect(await replay.one(poison!.id, "all")).toBe(true);
    expect(await replay.one(poison!.id, "all")).toBe(false);
    expect(texts()).toEqual(["poison"]);
  });

  it("keeps a message that is set aside anew, without its turn, before the replay has forgotten it", async () => {
    const item = textFrom("1", "behind");
    const keep = (position: number) =>
      bench.parked.keep({
        source: `0:${position}:${item.inboundId}`,
        data: "",
        item,
        reason: "BACKLOG_FULL: many wait already",
      });
    await keep(1000);
    const replay = createParkedReplay({
      parked: bench.parked,
      stream: { appendAgain: () => keep(2000) },
    });
    const { replayed, left, until } = await replay.next({ accounts: "all" });
    expect((await replay.next({ accounts: "all", until })).replayed).toBe(0);
    expect([replayed, left]).toEqual([1, 0]);
    expect(await bench.parked.count(all)).toBe(1);
  });

  it("that is cut off appends the message again under the same id", async () => {
    await park(textFrom("1", "poison"));
    const { replay, appended } = openReplay();
    const cut = createParkedReplay({
      parked: { ...bench.parked, remove: () => Promise.reject(new Error("cut off")) },
      stream: { appendAgain: async (item, id) => void appended.push({ item, id }) },
    });
    await expect(cut.next({ accounts: "all" })).rejects.toThrow("cut off");
    await replay.next({ accounts: "all" });
    expect(new Set(appended.map(({ id }) => id)).size).toBe(1);
    expect(appended).toHaveLength(2);
  });
});
