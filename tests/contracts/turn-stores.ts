import { afterEach, describe, expect, it } from "vitest";
import { account, type EngineStores } from "../fixtures/engine-stores.ts";
import type { LoadedSession, TurnRecord } from "../../src/ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../src/ports/conversation/inbound-stream.ts";
import { itemText } from "../../src/ports/conversation/item-text.ts";
import { partitionCount, partitionOf } from "../../src/ports/conversation/partitions.ts";

const dayMs = 86_400_000;
const all = { limit: 10, perChat: 8, except: [], rested: [], wake: [] };
let lastRandomId = 0;

/** What turns and their replies need of every store behind them. */
export function specifyTurnStores(open: () => Promise<EngineStores>): void {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of undo.splice(0)) await close();
  });
  async function begin() {
    const stores = await open();
    undo.push(stores.close);
    const claim = await stores.conversations.claimPartition(0, "i1");
    const keyOf = (chatUser: string) => ({ channel: "telegram", account, chatUser }) as const;
    const load = (chatUser: string, inboundId?: string) =>
      stores.conversations.load({ ...keyOf(chatUser), ...(inboundId && { inboundId }) }, dayMs);
    const turn = (
      session: LoadedSession,
      chatUser: string,
      inboundId: string,
      change: Partial<TurnRecord> = {},
    ): TurnRecord => ({
      ...keyOf(chatUser),
      session,
      inboundId,
      peer: { userId: chatUser, accessHash: "7" },
      text: `asked ${inboundId}`,
      snapshot: { last: inboundId },
      context: null,
      toolOutputs: [],
      replies: [
        {
          seq: session.lastSeq + 2,
          body: `answer ${inboundId}`,
          menu: null,
          randomId: String((lastRandomId += 1)),
        },
      ],
      status: "active",
      sentBy: "holder",
      ...change,
    });
    const say = async (chatUser: string, inboundId: string) =>
      stores.conversations.commit(turn(await load(chatUser), chatUser, inboundId), claim);
    return { ...stores, claim, keyOf, load, turn, say };
  }

  describe("sessions and turns", () => {
    it("says why a session was opened, finds it again, and opens the next after its end", async () => {
      const { load, turn, conversations, claim } = await begin();
      const first = await load("1");
      expect([first.decision, first.turns]).toEqual(["SESSION_CREATED_FIRST_CONTACT", 0]);
      expect(await conversations.commit(turn(first, "1", "m:1"), claim)).toBe("committed");
      const found = await load("1");
      expect(found).toMatchObject({
        id: first.id,
        decision: "SESSION_REUSED",
        turns: 1,
        lastSeq: 2,
      });
      expect(found.snapshot).toEqual({ last: "m:1" });
      expect(found.messages.map(({ role, body }) => `${role}: ${body}`)).toEqual([
        "user: asked m:1",
        "bot: answer m:1",
      ]);
      await conversations.commit(turn(found, "1", "m:2", { status: "ended" }), claim);
      const next = await load("1");
      expect(next.id).not.toBe(first.id);
      expect(next.decision).toBe("SESSION_CREATED_AFTER_END");
    });

    it("takes a message once, and tells that at the load too (I4)", async () => {
      const { load, turn, conversations, claim } = await begin();
      const session = await load("1", "m:1");
      await conversations.commit(turn(session, "1", "m:1"), claim);
      const again = turn(await load("1"), "1", "m:1");
      expect(await conversations.commit(again, claim)).toBe("duplicate");
      expect((await load("1", "m:1")).taken).toBe(true);
    });

    it("tells at the first contact of a user who was forgotten that messages may have taken effect (I4)", async () => {
      const { load, say, erasure, keyOf } = await begin();
      await say("1", "m:1");
      await erasure.erase({ user: "1", accounts: "all", channel: null });
      await erasure.take([{ ...keyOf("2"), inboundId: "m:2" }]);
      const stranger = { decision: "SESSION_CREATED_FIRST_CONTACT", forgotten: true };
      expect(await load("1", "m:3")).toMatchObject(stranger);
      expect(await load("1", "m:3")).toMatchObject(stranger);
      expect(await load("2", "m:4")).toMatchObject(stranger);
      expect((await load("3", "m:5")).forgotten).toBeUndefined();
      await say("1", "m:3");
      expect((await load("1")).forgotten).toBeUndefined();
    });

    it("leaves a partition without an owner to the one who owns it alone", async () => {
      const { conversations } = await begin();
      await conversations.releaseUnanswered(0, "i2");
      expect(await conversations.partitionOwner(0)).toBe("i1");
      await conversations.releaseUnanswered(0, "i1");
      expect(await conversations.partitionOwner(0)).toBeNull();
      const next = await conversations.claimPartition(0, "i2");
      await conversations.releasePartition({ ...next, epoch: next.epoch - 1 });
      expect(await conversations.partitionOwner(0)).toBe("i2");
      await conversations.releasePartition(next);
      expect(await conversations.partitionOwner(0)).toBeNull();
    });

    it("refuses a turn over an older state, and one of an earlier owner (I6)", async () => {
      const { load, turn, conversations, claim, say } = await begin();
      const old = await load("1");
      await say("1", "m:1");
      expect(await conversations.commit(turn(old, "1", "m:2"), claim)).toBe("conflict");
      const now = await load("1");
      await conversations.claimPartition(0, "i2");
      expect(await conversations.commit(turn(now, "1", "m:3"), claim)).toBe("stale-owner");
      expect(await conversations.partitionOwner(0)).toBe("i2");
    });

    it("moves a session at a person's word, and takes no bot's turn over the old status", async () => {
      const { load, turn, conversations, claim } = await begin();
      const session = await load("1");
      expect(await conversations.move(session.id, "escalate")).toBe("escalated");
      expect(await conversations.commit(turn(session, "1", "m:1"), claim)).toBe("conflict");
      expect((await load("1")).decision).toBe("SESSION_WITH_HUMAN");
    });
  });

  describe("replies", () => {
    it("are claimed in the commit under a grant, once the session's last earlier one is", async () => {
      const { load, turn, conversations, outbox, claim, grant } = await begin();
      const say = async (inboundId: string, under = grant) =>
        conversations.commit(turn(await load("1"), "1", inboundId), claim, under);
      expect(await say("m:1")).toBe("committed");
      expect(await say("m:2")).toBe("committed");
      await outbox.claim(grant, all);
      expect(await say("m:3", { ...grant, epoch: 0 })).toBe("committed");
      await outbox.claim(grant, all);
      expect(await say("m:4")).toBe("claimed");
      expect((await outbox.claim(grant, all))?.items).toEqual([]);
    });

    it("are claimed chat by chat, a few of each, and by the holder of the token alone (I11)", async () => {
      const { outbox, grant, say } = await begin();
      for (const n of [1, 2, 3]) await say("1", `m:${n}`);
      await say("2", "m:4");
      expect(await outbox.claim({ ...grant, epoch: 0 }, all)).toBeNull();
      const claimed = await outbox.claim(grant, { ...all, perChat: 2 });
      expect(claimed?.items.map(({ body }) => body)).toEqual([
        "answer m:1",
        "answer m:2",
        "answer m:4",
      ]);
      const rest = await outbox.claim(grant, { ...all, except: ["1"] });
      expect(rest?.items).toEqual([]);
      expect((await outbox.claim(grant, all))?.items.map(({ body }) => body)).toEqual([
        "answer m:3",
      ]);
    });

    it("of a chat that rests are passed over until it is woken, and come again as attempted", async () => {
      const { outbox, grant, say } = await begin();
      await say("1", "m:1");
      await say("1", "m:2");
      const [one, two] = (await outbox.claim(grant, all))!.items;
      const code = "CALL_TIMEOUT";
      await outbox.settle(
        [
          { id: one!.id, rest: { ms: 60_000, code, wasTried: true } },
          { id: two!.id, again: true },
        ],
        grant,
      );
      const resting = await outbox.claim(grant, all);
      expect(resting?.items).toEqual([]);
      expect(resting?.restMs).toBeGreaterThan(50_000);
      const woken = await outbox.claim(grant, { ...all, wake: [code] });
      expect(woken?.items.map(({ attempted, retry }) => [attempted, retry?.attempts])).toEqual([
        [true, 1],
        [false, undefined],
      ]);
    });

    it("that a lost sender had are found again, and a sender that was replaced gives none back", async () => {
      const { outbox, grant, say } = await begin();
      await say("1", "m:1");
      await say("2", "m:2");
      const [one, two] = (await outbox.claim(grant, all))!.items;
      await outbox.settle([{ id: two!.id, again: true }], { ...grant, epoch: 0 });
      expect(await outbox.recover({ ...grant, epoch: 0 }, [])).toBe(false);
      expect(await outbox.recover(grant, [one!.id])).toBe(true);
      const found = await outbox.claim(grant, all);
      expect(found?.items.map(({ id, attempted }) => [id, attempted])).toEqual([[two!.id, true]]);
    });

    it("that were sent or given up wait no more, and their messages are known", async () => {
      const { outbox, grant, say, keyOf } = await begin();
      await say("1", "m:1");
      await say("2", "m:2");
      expect(await outbox.waitingAmong([account])).toEqual([{ account, stranded: false }]);
      const [one, two] = (await outbox.claim(grant, all))!.items;
      await outbox.settle(
        [
          { id: one!.id, messageId: 41 },
          { id: two!.id, failure: "USER_IS_BLOCKED" },
        ],
        grant,
      );
      expect(await outbox.recover(grant, [])).toBe(true);
      expect((await outbox.claim(grant, all))?.items).toEqual([]);
      expect(await outbox.waitingAmong([account])).toEqual([]);
      expect([...(await outbox.knownMessageIds(keyOf("1"), 41))]).toEqual([41]);
      expect([...(await outbox.knownMessageIds(keyOf("1"), 42))]).toEqual([]);
    });
  });

  const itemOf = (chatUser: string, inboundId: string): InboundItem => ({
    channel: "telegram",
    account,
    chatUser,
    peer: { userId: chatUser, accessHash: "7" },
    inboundId,
    kind: "text",
    text: "x",
    receivedAtMs: 1,
  });

  describe("the backlog", () => {
    it("keeps each user's items in order, each once, for the owner alone", async () => {
      const { backlog, claim, keyOf, conversations } = await begin();
      const row = (chatUser: string, position: number) => {
        const item = itemOf(chatUser, `m:${position}`);
        return { ...keyOf(chatUser), position, inboundId: item.inboundId, text: itemText(item) };
      };
      expect(await backlog.add(claim, [row("1", 3), row("1", 1), row("2", 2)])).toBe(true);
      await backlog.add(claim, [row("1", 1)]);
      const users = await backlog.users(0);
      expect(users.toSorted((a, b) => a.first - b.first)).toEqual([
        { ...keyOf("1"), items: 2, first: 1, last: 3 },
        { ...keyOf("2"), items: 1, first: 2, last: 2 },
      ]);
      const after = { position: -1, inboundId: "" };
      const read = () => backlog.read(0, [{ key: keyOf("1"), after, limit: 5 }]);
      expect((await read())[0]!.map(({ position }) => position)).toEqual([1, 3]);
      const behind = { key: keyOf("1"), after: { position: 1, inboundId: "m:1" }, limit: 5 };
      expect((await backlog.read(0, [behind]))[0]!.map(({ position }) => position)).toEqual([3]);
      await backlog.remove(0, [row("1", 1)]);
      expect((await read())[0]!.map(({ position }) => position)).toEqual([3]);
      await conversations.claimPartition(0, "i2");
      expect(await backlog.add(claim, [row("3", 4)])).toBe(false);
    });
  });

  describe("what is set aside", () => {
    it("stands once, by its owner, and not where the turn took effect", async () => {
      const { parked, claim, say, conversations } = await begin();
      const why = { code: "UNEXPECTED", reason: "UNEXPECTED: a fault" };
      await say("1", "m:1");
      expect(await parked.park(itemOf("1", "m:1"), why, claim)).toBe("taken");
      expect(await parked.park(itemOf("1", "m:2"), why, claim)).toBe("parked");
      expect(await parked.park(itemOf("1", "m:2"), why, claim)).toBe("parked");
      await parked.keep({
        source: "0:1",
        data: "?",
        item: null,
        reason: "ITEM_MALFORMED: no item",
      });
      expect(await parked.count({ accounts: "all" })).toBe(1);
      const again = { ...itemOf("1", "m:4"), replay: "parked:1" };
      await parked.park(again, why, claim);
      const own = { ...why, channel: "telegram", account };
      const named = [
        { ...own, inboundId: "m:4", replay: "parked:1" },
        { ...own, inboundId: "m:2" },
      ];
      expect(await parked.newest(partitionOf(again), 10)).toMatchObject(named);
      expect(await parked.newest(partitionOf(again), 1)).toMatchObject(named.slice(0, 1));
      expect(await parked.newest((partitionOf(again) + 1) % partitionCount, 10)).toEqual([]);
      await conversations.claimPartition(0, "i2");
      expect(await parked.park(itemOf("1", "m:3"), why, claim)).toBe("stale-owner");
    });
  });

  describe("steps", () => {
    it("keep the first outcome, and take none after their turn or from an earlier owner", async () => {
      const { steps, claim, say, conversations, keyOf, load } = await begin();
      const of = (inboundId: string) => ({ ...keyOf("1"), inboundId });
      expect(await steps.find(of("m:1"), "pay", claim)).toBeUndefined();
      expect(await steps.keep(of("m:1"), "pay", { ok: 1 }, claim)).toEqual({ ok: 1 });
      expect(await steps.keep(of("m:1"), "pay", { ok: 2 }, claim)).toEqual({ ok: 1 });
      expect(await steps.find(of("m:1"), "pay", claim)).toEqual({ ok: 1 });
      await say("1", "m:1");
      const refusal = { code: "STEP_REFUSED" };
      await expect(steps.keep(of("m:1"), "later", 1, claim)).rejects.toMatchObject(refusal);
      await expect(steps.find(of("m:1"), "pay", claim)).rejects.toMatchObject(refusal);
      await expect(steps.find(of("m:1"), "later", claim)).rejects.toMatchObject(refusal);
      const { id } = await load("1");
      expect(await steps.mayRepeat(of("m:1"), id, claim)).toBe(false);
      expect(await steps.mayRepeat(of("m:2"), id, claim)).toBe(true);
      await conversations.claimPartition(0, "i2");
      await expect(steps.find(of("m:2"), "pay", claim)).rejects.toMatchObject(refusal);
    });
  });
}
