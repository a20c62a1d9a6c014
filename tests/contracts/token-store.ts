import { describe, expect, it } from "vitest";
import { freshStores, type MakeCustodyStores } from "../fixtures/fresh-custody.ts";
import { specifyTokenReads } from "./token-store-reads.ts";

export function specifyTokenStore(make: MakeCustodyStores): void {
  const open = freshStores(make);

  describe("a token store", () => {
    it("grants a free token under the next epoch, and a held one to nobody else", async () => {
      const { tokens, one } = await open();
      expect(await tokens.grant(one, "i1")).toMatchObject({
        applied: true,
        token: { epoch: 1, state: "granted", incarnation: "i1" },
      });
      expect(await tokens.grant(one, "i2")).toMatchObject({
        applied: false,
        token: { epoch: 1, incarnation: "i1" },
      });
    });

    it("grants nothing to an incarnation that is unknown or was revoked", async () => {
      const { tokens, incarnations, one } = await open();
      await incarnations.revoke("i2");
      expect(await tokens.grant(one, "i2")).toMatchObject({ applied: false });
      expect(await tokens.grant(one, "stranger")).toMatchObject({ applied: false });
    });

    it("releases what a gate let go of, only under the epochs that still stand", async () => {
      const { tokens, one, two } = await open();
      await tokens.grant(one, "i1");
      await tokens.grant(two, "i1");
      const freed = await tokens.releaseAll(
        [
          { ...one, epoch: 1 },
          { ...two, epoch: 0 },
        ],
        "i1",
      );
      expect(freed).toEqual([one]);
      expect(await tokens.freeAmong([one, two])).toEqual([one]);
      expect((await tokens.read(two))?.state).toBe("granted");
    });

    it("releases nothing that another incarnation holds, whatever that one says", async () => {
      const { tokens, one } = await open();
      await tokens.grant(one, "i1");
      expect(await tokens.releaseAll([{ ...one, epoch: 1 }], "i2")).toEqual([]);
      expect((await tokens.read(one))?.state).toBe("granted");
    });

    it("carries a grant over a floor that was reached before a restore, once", async () => {
      const { tokens, one } = await open();
      await tokens.grant(one, "i1");
      const grant = { ...one, epoch: 1 };
      expect(await tokens.supersede(grant, "i1", 5)).toEqual({ ...one, epoch: 6 });
      expect(await tokens.supersede(grant, "i1", 5)).toBeNull();
      expect(await tokens.supersede({ ...one, epoch: 6 }, "i2", 9)).toBeNull();
    });

    it("has no record of a token that was never made, and applies nothing to it", async () => {
      const { tokens, one } = await open();
      const missing = { account: one.account, slot: 9, epoch: 1 };
      expect(await tokens.read(missing)).toBeNull();
      expect(await tokens.grant(missing, "i1")).toEqual({ applied: false, token: null });
      expect(await tokens.released(missing)).toEqual({ applied: false, token: null });
      expect(await tokens.supersede(missing, "i1", 5)).toBeNull();
      expect(await tokens.freeAmong([missing])).toEqual([]);
    });

    it("connects a granted token under its epoch, and remembers that epoch", async () => {
      const { tokens, one } = await open();
      await tokens.grant(one, "i1");
      expect(await tokens.connected({ ...one, epoch: 1 })).toEqual({
        applied: true,
        token: {
          ...one,
          epoch: 1,
          state: "connected",
          heldAs: null,
          incarnation: "i1",
          connectedEpoch: 1,
        },
      });
      await tokens.released({ ...one, epoch: 1 });
      await tokens.grant(one, "i2");
      expect(await tokens.read(one)).toMatchObject({ epoch: 2, connectedEpoch: 1 });
    });

    it("connects no token twice, and none under another epoch", async () => {
      const { tokens, one, two } = await open();
      await tokens.grant(one, "i1");
      expect(await tokens.connected({ ...one, epoch: 2 })).toMatchObject({
        applied: false,
        token: { state: "granted", connectedEpoch: 0 },
      });
      await tokens.connected({ ...one, epoch: 1 });
      expect(await tokens.connected({ ...one, epoch: 1 })).toMatchObject({
        applied: false,
        token: { state: "connected" },
      });
      expect(await tokens.connected({ ...two, epoch: 0 })).toMatchObject({
        applied: false,
        token: { state: "free" },
      });
    });

    it("drains a connected token, whose holder keeps it", async () => {
      const { tokens, one } = await open();
      await tokens.grant(one, "i1");
      await tokens.connected({ ...one, epoch: 1 });
      expect(await tokens.drain({ ...one, epoch: 1 })).toMatchObject({
        applied: true,
        token: { epoch: 1, state: "draining", incarnation: "i1", connectedEpoch: 1 },
      });
      expect(await tokens.freeAmong([one])).toEqual([]);
    });

    it("drains no token that is not connected, and none under another epoch", async () => {
      const { tokens, one } = await open();
      await tokens.grant(one, "i1");
      expect(await tokens.drain({ ...one, epoch: 1 })).toMatchObject({
        applied: false,
        token: { state: "granted" },
      });
      await tokens.connected({ ...one, epoch: 1 });
      expect(await tokens.drain({ ...one, epoch: 0 })).toMatchObject({
        applied: false,
        token: { state: "connected" },
      });
    });

    it.each(["granted", "connected", "draining"] as const)(
      "releases a %s token, which has no holder after that and keeps its epoch",
      async (state) => {
        const { tokens, one } = await open();
        const grant = { ...one, epoch: 1 };
        await tokens.grant(one, "i1");
        if (state !== "granted") await tokens.connected(grant);
        if (state === "draining") await tokens.drain(grant);
        expect((await tokens.read(one))?.state).toBe(state);
        expect(await tokens.released(grant)).toMatchObject({
          applied: true,
          token: { epoch: 1, state: "free", incarnation: null, heldAs: null },
        });
      },
    );

    it("releases no free or revoked token, and none under another epoch", async () => {
      const { tokens, incarnations, one, two } = await open();
      await tokens.grant(one, "i1");
      await tokens.grant(two, "i2");
      await incarnations.revoke("i2");
      expect(await tokens.released({ ...one, epoch: 2 })).toMatchObject({
        applied: false,
        token: { state: "granted", incarnation: "i1" },
      });
      expect(await tokens.released({ ...two, epoch: 1 })).toMatchObject({
        applied: false,
        token: { state: "revoked", heldAs: "granted", incarnation: "i2" },
      });
      await tokens.released({ ...one, epoch: 1 });
      expect(await tokens.released({ ...one, epoch: 1 })).toMatchObject({
        applied: false,
        token: { state: "free" },
      });
    });

    it("lets exactly one of many win who want the same token at once", async () => {
      const { tokens, one } = await open();
      const grants = await Promise.all(
        Array.from({ length: 12 }, (_, index) => tokens.grant(one, index % 2 === 0 ? "i1" : "i2")),
      );
      expect(grants.filter(({ applied }) => applied)).toHaveLength(1);
    });
  });

  specifyTokenReads(make);
}
