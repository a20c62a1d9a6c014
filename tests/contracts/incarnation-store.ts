import { describe, expect, it } from "vitest";
import { freshStores, type MakeCustodyStores } from "../fixtures/fresh-custody.ts";

export function specifyIncarnationStore(make: MakeCustodyStores): void {
  const open = freshStores(make);

  describe("an incarnation store", () => {
    it("revokes an incarnation with all its tokens, and frees them only after that", async () => {
      const { tokens, incarnations, one, two } = await open();
      await tokens.grant(one, "i1");
      await tokens.grant(two, "i2");
      expect(await incarnations.silence("i1")).toEqual([]);
      expect(await incarnations.revoke("i1")).toBe(true);
      expect((await tokens.read(one))?.state).toBe("revoked");
      expect(await tokens.connected({ ...one, epoch: 1 })).toMatchObject({
        applied: false,
      });
      expect(await incarnations.silence("i1")).toEqual([{ ...one, epoch: 1 }]);
      expect((await tokens.read(one))?.state).toBe("free");
      expect((await tokens.read(two))?.state).toBe("granted");
      expect(await incarnations.revoke("stranger")).toBe(false);
    });

    it("names who may still have something open", async () => {
      const { tokens, incarnations, one } = await open();
      await tokens.grant(one, "i1");
      await incarnations.revoke("i1");
      const holders = await incarnations.holders();
      expect(holders).toEqual(
        expect.arrayContaining([
          { incarnation: "i1", host: "h1", state: "REVOKED", tokens: 1 },
          { incarnation: "i2", host: "h2", state: "LIVE", tokens: 0 },
        ]),
      );
      await incarnations.silence("i1");
      expect((await incarnations.holders()).map(({ incarnation }) => incarnation)).toEqual(["i2"]);
    });

    it("shows another mark once another host has beaten, begun or ended, and not by its own beat", async () => {
      const { incarnations } = await open();
      const marks = [await incarnations.marksOfOthers("i1")];
      await incarnations.beat("i1");
      expect(await incarnations.marksOfOthers("i1")).toBe(marks[0]);
      for (const change of [
        () => incarnations.beat("i2"),
        () => incarnations.register({ id: "i3", host: "h3", proof: {} }),
        () => incarnations.revoke("i2"),
      ]) {
        await change();
        marks.push(await incarnations.marksOfOthers("i1"));
      }
      expect(new Set(marks).size).toBe(4);
    });

    it("records an incarnation again for a respawned node, with its proof of now", async () => {
      const { incarnations } = await open();
      await incarnations.register({ id: "i1", host: "h1", proof: { node: 41 } });
      expect(await incarnations.predecessors({ id: "i9", host: "h1" })).toEqual([
        { id: "i1", host: "h1", state: "LIVE", endedForMs: null, proof: { node: 41 } },
      ]);
    });

    it.each(["revoke", "release"] as const)(
      "records no incarnation again after its %s",
      async (ending) => {
        const { incarnations } = await open();
        await incarnations[ending]("i1");
        const again = incarnations.register({ id: "i1", host: "h1", proof: {} });
        await expect(again).rejects.toMatchObject({ code: "INCARNATION_ENDED" });
      },
    );

    it("keeps the host and the promise that an incarnation came with, and gives neither to another host", async () => {
      const { incarnations } = await open();
      const promise = { holdMs: 20_000, answerMs: 2_000 };
      await incarnations.register({ id: "i3", host: "h3", proof: {}, promise });
      await incarnations.register({ id: "i3", host: "h3", proof: {} });
      expect(await incarnations.registration("i3")).toEqual({
        host: "h3",
        promise,
        isOver: false,
      });
      const theft = incarnations.register({ id: "i3", host: "h4", proof: {} });
      await expect(theft).rejects.toMatchObject({ code: "INCARNATION_ENDED" });
      expect(await incarnations.registration("i1")).toEqual({
        host: "h1",
        promise: null,
        isOver: false,
      });
      expect(await incarnations.registration("nobody")).toBeNull();
    });

    it("tells of an incarnation that is over once it was released, and of no other", async () => {
      const { tokens, incarnations, one } = await open();
      const isOver = async () => (await incarnations.registration("i1"))?.isOver;
      const { token } = await tokens.grant(one, "i1");
      // It holds a token, so it stays.
      await incarnations.release("i1");
      expect(await isOver()).toBe(false);
      await tokens.released({ ...one, epoch: token!.epoch });
      await incarnations.release("i1");
      expect(await isOver()).toBe(true);
      await incarnations.revoke("i1");
      expect(await isOver()).toBe(false);
    });

    it("tells of an incarnation that is over once it was silenced, and not while it is revoked alone", async () => {
      const { tokens, incarnations, one } = await open();
      const isOver = async () => (await incarnations.registration("i1"))?.isOver;
      await tokens.grant(one, "i1");
      await incarnations.silence("i1");
      expect(await isOver()).toBe(false);
      await incarnations.revoke("i1");
      expect(await isOver()).toBe(false);
      await incarnations.silence("i1");
      expect(await isOver()).toBe(true);
    });

    it("names as predecessors those of the host that live or have tokens that are not free", async () => {
      const { tokens, incarnations, one } = await open();
      const predecessors = () => incarnations.predecessors({ id: "i3", host: "h1" });
      await incarnations.register({ id: "i3", host: "h1", proof: {} });
      await tokens.grant(one, "i1");
      expect(await predecessors()).toMatchObject([{ id: "i1", state: "LIVE", endedForMs: null }]);
      await incarnations.revoke("i1");
      const [revoked, ...more] = await predecessors();
      expect(revoked).toMatchObject({ id: "i1", state: "REVOKED" });
      expect(revoked!.endedForMs).toBeGreaterThanOrEqual(0);
      expect(more).toEqual([]);
      await incarnations.silence("i1");
      expect(await predecessors()).toEqual([]);
    });

    it("releases an incarnation that holds nothing, and none that still holds a token", async () => {
      const { tokens, incarnations, one } = await open();
      await tokens.grant(one, "i1");
      await incarnations.release("i1");
      expect(await incarnations.beat("i1")).toMatchObject({ state: "LIVE" });
      await tokens.released({ ...one, epoch: 1 });
      await incarnations.release("i1");
      expect(await incarnations.beat("i1")).toEqual({ state: "RELEASED" });
      expect(await tokens.grant(one, "i1")).toMatchObject({ applied: false });
    });

    it("releases no incarnation that was revoked, and revokes one that was released", async () => {
      const { incarnations } = await open();
      await incarnations.revoke("i1");
      await incarnations.release("i1");
      expect(await incarnations.beat("i1")).toEqual({ state: "REVOKED" });
      await incarnations.release("i2");
      expect(await incarnations.revoke("i2")).toBe(true);
      expect(await incarnations.beat("i2")).toEqual({ state: "REVOKED" });
    });

    it("frees nothing of an incarnation that is not revoked", async () => {
      const { tokens, incarnations, one } = await open();
      await tokens.grant(one, "i1");
      expect(await incarnations.silence("i1")).toEqual([]);
      expect(await incarnations.silence("stranger")).toEqual([]);
      expect((await tokens.read(one))?.state).toBe("granted");
    });

    it("counts beats, and says when the incarnation is no longer live or not known", async () => {
      const { incarnations } = await open();
      expect(await incarnations.beat("i1")).toEqual({ state: "LIVE", beats: 1 });
      expect(await incarnations.beat("i1")).toEqual({ state: "LIVE", beats: 2 });
      await incarnations.revoke("i1");
      expect(await incarnations.beat("i1")).toEqual({ state: "REVOKED" });
      expect(await incarnations.beat("stranger")).toEqual({ state: "MISSING" });
    });
  });
}
