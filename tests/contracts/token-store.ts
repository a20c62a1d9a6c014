import { describe, expect, it } from "vitest";
import { freshStores, type MakeCustodyStores } from "../fixtures/fresh-custody.ts";

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
      const freed = await tokens.releaseAll([
        { ...one, epoch: 1 },
        { ...two, epoch: 0 },
      ]);
      expect(freed).toEqual([one]);
      expect(await tokens.freeAmong([one, two])).toEqual([one]);
      expect((await tokens.read(two))?.state).toBe("granted");
    });

    it("carries a grant over a floor that was reached before a restore, once", async () => {
      const { tokens, one } = await open();
      await tokens.grant(one, "i1");
      const grant = { ...one, epoch: 1 };
      expect(await tokens.supersede(grant, "i1", 5)).toEqual({ ...one, epoch: 6 });
      expect(await tokens.supersede(grant, "i1", 5)).toBeNull();
      expect(await tokens.supersede({ ...one, epoch: 6 }, "i2", 9)).toBeNull();
    });

    it("lets exactly one of many win who want the same token at once", async () => {
      const { tokens, one } = await open();
      const grants = await Promise.all(
        Array.from({ length: 12 }, (_, index) => tokens.grant(one, index % 2 === 0 ? "i1" : "i2")),
      );
      expect(grants.filter(({ applied }) => applied)).toHaveLength(1);
    });
  });
}
