import { afterEach, describe, expect, it } from "vitest";
import { account, type EngineStores, incarnation } from "../fixtures/engine-stores.ts";

const place = { positions: [1, 0, 0, 0, 0, 0, 0, 0], losses: 0 };
const at = (pts: number) => ({ pts, qts: 0, date: 5, seq: 0 });
const reason = { code: "X", message: "a reason" };

/** What accounts, their cursors and their renewals need of every store behind them. */
export function specifyAccountStores(open: () => Promise<EngineStores>): void {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of undo.splice(0)) await close();
  });
  async function begin() {
    const stores = await open();
    undo.push(stores.close);
    return stores;
  }

  describe("a cursor", () => {
    it("advances from where it stands, under the grant alone (I6)", async () => {
      const { cursors, grant } = await begin();
      expect(await cursors.load(account)).toBeNull();
      expect(await cursors.advance({ ...grant, epoch: 0 }, null, at(1), place)).toBe(false);
      expect(await cursors.advance(grant, null, at(1), place)).toBe(true);
      expect(await cursors.advance(grant, at(7), at(8), place)).toBe(false);
      expect(await cursors.advance(grant, at(1), at(2), place)).toBe(true);
      expect(await cursors.load(account)).toEqual({ cursor: at(2), place, reading: null });
      expect(await cursors.settled(account)).toEqual(at(1));
    });

    it("keeps a gap that is read back until its end", async () => {
      const { cursors, grant } = await begin();
      await cursors.advance(grant, null, at(1), place);
      const peer = { userId: "1", accessHash: "7" };
      const reading = {
        fromPts: 1,
        toPts: 9,
        sinceDate: 4,
        unread: [peer],
        recovered: 0,
        missing: [],
      };
      expect(await cursors.keepReading(grant, reading)).toBe(true);
      expect((await cursors.load(account))?.reading).toEqual(reading);
      const gap = { fromPts: 1, toPts: 9, recovered: 3, missing: [] };
      const after = { ...place, positions: [4, 0, 0, 0, 0, 0, 0, 0] };
      expect(await cursors.endReading(grant, gap, after)).toBe(true);
      expect(await cursors.load(account)).toEqual({ cursor: at(1), place: after, reading: null });
    });
  });

  describe("the memory of the streams", () => {
    const streamAt = (lastSeq: number, created = "made") => ({
      partition: 0,
      created,
      settledSeq: lastSeq,
      lastSeq,
    });

    it("knows what was acknowledged with a cursor, and counts a loss once", async () => {
      const { losses, cursors, grant } = await begin();
      await losses.note(0, [streamAt(1)], []);
      const at5 = { positions: [5, 0, 0, 0, 0, 0, 0, 0], losses: 0 };
      await cursors.advance(grant, null, at(1), at5);
      const known = (await losses.known()).streams.find(({ partition }) => partition === 0);
      expect(known).toEqual({ partition: 0, created: "made", settledSeq: 1, lastSeq: 5 });
      const lost = { partition: 0, knownSeq: 5, foundSeq: 0, messagesMax: 4 };
      const noted = await losses.note(0, [streamAt(0, "anew")], [lost]);
      expect(noted.isWritten).toBe(true);
      expect(noted.losses).toBeGreaterThan(0);
      expect(await losses.note(0, [streamAt(0, "anew")], [lost])).toEqual({
        losses: noted.losses,
        isWritten: false,
      });
      expect((await losses.known()).streams.find(({ partition }) => partition === 0)).toEqual(
        streamAt(0, "anew"),
      );
    });

    it("marks a cursor once every stream has settled what came before it", async () => {
      const { losses, cursors, grant } = await begin();
      await cursors.advance(grant, null, at(1), place);
      await cursors.advance(grant, at(1), at(2), { ...place, positions: [6, 0, 0, 0, 0, 0, 0, 0] });
      await losses.mark(incarnation, 0, [5]);
      await losses.mark(incarnation, 0, [5]);
      expect(await cursors.settled(account)).toEqual(at(1));
      await losses.mark(incarnation, 0, [6]);
      expect(await cursors.settled(account)).toEqual(at(2));
    });
  });

  describe("waits", () => {
    it("are known to all until their end, and the later end stands", async () => {
      const { waits } = await begin();
      const wait = { method: "m", chat: null, code: "FLOOD_WAIT", untilMs: 5_000 };
      await waits.keep(account, wait, 0);
      await waits.keep(account, { ...wait, untilMs: 4_000 }, 0);
      await waits.keep(account, { ...wait, chat: "user 1", untilMs: 9_000 }, 0);
      const inForce = await waits.inForce([account], 4_500);
      expect(inForce.get(account)?.map(({ chat, untilMs }) => [chat, untilMs])).toEqual([
        ["user 1", 9_000],
        [null, 5_000],
      ]);
      expect((await waits.inForce([account], 9_001)).has(account)).toBe(false);
    });
  });

  describe("what a connection needs", () => {
    const ref = { account, slot: 1 };

    it("is the account, the key of the slot and the renewal that is open, in one answer", async () => {
      const { accounts, grant } = await begin();
      const session = await accounts.loadSession(ref);
      expect(session?.keyId).toBe("00000000000000b1");
      const record = await accounts.find(account);
      const needs = { record, session, serverSalt: null };
      expect(await accounts.needs(ref)).toEqual({ ...needs, renewal: null });
      const asked = { id: "r1", account, method: "bot-token", incarnation } as const;
      await accounts.beginRenewal({ ...asked, epoch: grant.epoch });
      const renewal = await accounts.openRenewal(account);
      expect(renewal?.id).toBe("r1");
      expect(await accounts.needs(ref)).toEqual({ ...needs, renewal });
      await accounts.abortRenewal("r1", reason);
      expect((await accounts.needs(ref)).renewal).toBeNull();
    });

    it("knows no key where none is made yet, and nothing of an account that is not there", async () => {
      const { accounts } = await begin();
      const { slot } = await accounts.addSlot(account);
      expect(await accounts.needs({ account, slot })).toMatchObject({
        record: { name: account },
        session: null,
      });
      const nobody = { account: "nobody", slot: 1 };
      const nothing = { record: null, session: null, renewal: null, serverSalt: null };
      expect(await accounts.needs(nobody)).toEqual(nothing);
    });

    it("has the server's salt of the last release that knew one", async () => {
      const { accounts, tokens, grant } = await begin();
      await tokens.released({ ...grant, epoch: grant.epoch + 1 }, "7");
      expect((await accounts.needs(ref)).serverSalt).toBeNull();
      await tokens.released(grant, "-9223372036854775808");
      expect((await accounts.needs(ref)).serverSalt).toBe("-9223372036854775808");
      const next = await tokens.grant(ref, incarnation);
      await tokens.released({ ...ref, epoch: next.token!.epoch });
      expect((await accounts.needs(ref)).serverSalt).toBe("-9223372036854775808");
    });
  });

  describe("a renewal", () => {
    async function prepared() {
      const stores = await begin();
      const { accounts, grant } = stores;
      const renewal = {
        id: "r1",
        account,
        method: "bot-token",
        epoch: grant.epoch,
        incarnation,
      } as const;
      expect(await accounts.beginRenewal({ ...renewal, epoch: 0 })).toBe(false);
      expect(await accounts.beginRenewal(renewal)).toBe(true);
      expect(await accounts.beginRenewal({ ...renewal, id: "r2" })).toBe(false);
      const { slot } = await accounts.addSlot(account);
      const session = { keyId: "00000000000000b2", bytes: Buffer.from("2") };
      await accounts.saveSession({ account, slot }, session, "key-stored");
      await accounts.recordPrepared("r1", slot);
      return { ...stores, slot };
    }
    const statesOf = async ({ accounts }: EngineStores) =>
      (await accounts.slots(account)).map(({ state }) => state);

    it("switches once both tokens are free, and leaves the old slot to be logged out (I2)", async () => {
      const stores = await prepared();
      const { accounts, tokens, grant, slot } = stores;
      const change = { renewal: "r1", account, from: 1, to: slot, incarnation };
      expect(await accounts.switchSlot(change)).toBeNull();
      await tokens.released(grant);
      expect(await accounts.switchSlot(change)).toEqual({ epoch: 1 });
      expect(await statesOf(stores)).toEqual(["RETIRING", "SERVING"]);
      await accounts.finishRenewal("r1");
      expect(await accounts.openRenewal(account)).toBeNull();
      await accounts.forgetSlot({ account, slot: 1 }, "retired");
      expect(await accounts.loadSession({ account, slot: 1 })).toBeNull();
      const steps = await accounts.renewalSteps("r1");
      expect(steps.map(({ step }) => step)).toEqual([
        "requested",
        "key-stored",
        "authorised",
        "switched",
        "verified",
        "retired",
      ]);
    });

    it("goes back to the old slot when it is aborted after the switch", async () => {
      const stores = await prepared();
      const { accounts, tokens, grant, slot } = stores;
      await tokens.released(grant);
      await accounts.switchSlot({ renewal: "r1", account, from: 1, to: slot, incarnation });
      await accounts.abortRenewal("r1", reason);
      expect(await statesOf(stores)).toEqual(["SERVING", "PENDING"]);
      expect((await accounts.find(account))?.servingSlot).toBe(1);
      expect(await accounts.findRenewal("r1")).toMatchObject({ state: "aborted", reason });
    });

    it("goes forward where the old key dies and the new one is authorised (I2)", async () => {
      const stores = await prepared();
      const { accounts, slot } = stores;
      expect(await accounts.bury({ account, slot: 1 }, reason)).toEqual({
        serving: slot,
        renewal: { id: "r1", step: "switched" },
      });
      expect(await statesOf(stores)).toEqual(["DEAD", "SERVING"]);
    });

    it("leaves no slot where the last key dies", async () => {
      const stores = await begin();
      expect(await stores.accounts.bury({ account, slot: 1 }, reason)).toEqual({
        serving: null,
        renewal: null,
      });
      expect((await stores.accounts.find(account))?.servingSlot).toBeNull();
    });
  });
}
