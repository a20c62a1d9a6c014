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
