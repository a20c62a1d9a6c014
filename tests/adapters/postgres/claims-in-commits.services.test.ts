import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type {
  ConversationStore,
  TurnRecord,
} from "../../../src/ports/conversation/conversation-store.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
} from "../../fixtures/conversation-bench.ts";

const dayMs = 86_400_000;
let bench: ConversationBench;
let store: ConversationStore;
beforeAll(async () => {
  bench = await openConversationBench();
  store = bench.conversations;
});
afterAll(() => bench.close());

let users = 0;
/** A chat user whose replies so far are in that state. */
async function chat(lastReply: "none" | "pending" | "sending" | "sent" | "failed") {
  users += 1;
  const key = { channel: "telegram", account, chatUser: `user-${users}` };
  const claim = await store.claimPartition(0, "claims");
  const take = async (grant?: typeof bench.grant) => {
    const session = await store.load(key, dayMs);
    const turn: TurnRecord = {
      ...key,
      session,
      inboundId: `m:${randomUUID()}`,
      peer: { userId: key.chatUser, accessHash: "1" },
      text: "hello",
      snapshot: null,
      context: null,
      toolOutputs: [],
      replies: [2, 3].map((after) => ({
        seq: session.lastSeq + after,
        body: "hi",
        menu: null,
        randomId: String(users * 1000 + session.lastSeq + after),
      })),
      status: "active",
      sentBy: "holder",
    };
    return store.commit(turn, claim, grant);
  };
  if (lastReply !== "none") {
    await take();
    await bench.database.query("update outbox set state = $1 where chat_user = $2", [
      lastReply,
      key.chatUser,
    ]);
  }
  const newest = () =>
    bench.database.query(
      "select state, slot, epoch::int from outbox where chat_user = $1 order by id desc limit 2",
      [key.chatUser],
    );
  return { take, newest };
}

describe("replies that are claimed in the commit of their turn", () => {
  it.each(["sending", "sent", "failed"] as const)(
    "are being sent at once where the last one is %s",
    async (state) => {
      const { take, newest } = await chat(state);
      expect(await take(bench.grant)).toBe("claimed");
      const { slot, epoch } = bench.grant;
      const claimed = { state: "sending", slot, epoch };
      expect(await newest()).toEqual([claimed, claimed]);
    },
  );

  it.each(["none", "pending"] as const)(
    "wait for their turn where the last one is %s",
    async (state) => {
      const { take, newest } = await chat(state);
      expect(await take(bench.grant)).toBe("committed");
      const waiting = { state: "pending", slot: null, epoch: null };
      expect(await newest()).toEqual([waiting, waiting]);
    },
  );

  it("wait without a grant, and under one that is not the token's any more (I6)", async () => {
    const { take } = await chat("sent");
    const { grant } = bench;
    expect(await take()).toBe("committed");
    for (const stale of [
      { ...grant, epoch: grant.epoch - 1 },
      { ...grant, epoch: grant.epoch + 1 },
      { ...grant, slot: grant.slot + 1 },
      { ...grant, account: "another" },
    ]) {
      const { take: takeOther } = await chat("sent");
      expect(await takeOther(stale)).toBe("committed");
    }
    const state = (to: string) =>
      bench.database.query("update tokens set state = $1 where account = $2", [to, account]);
    const { take: takeRevoked } = await chat("sent");
    await state("revoked");
    expect(await takeRevoked(grant)).toBe("committed");
    await state("connected");
    const { take: takeAgain } = await chat("sent");
    expect(await takeAgain(grant)).toBe("claimed");
  });
});
