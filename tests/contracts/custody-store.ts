import { afterEach, describe, expect, it } from "vitest";
import type { CustodyStore } from "../../src/ports/custody-store.ts";
import type { SlotRef, TokenStore } from "../../src/ports/token-store.ts";

/** A store with two accounts, each with a free token of slot 1, and no incarnation. */
export type MakeCustodyStore = () => Promise<{
  readonly store: CustodyStore & Pick<TokenStore, "apply" | "read" | "registerIncarnation">;
  readonly accounts: readonly [string, string];
  close(): Promise<void>;
}>;

export function specifyCustodyStore(make: MakeCustodyStore): void {
  const undo: (() => Promise<void>)[] = [];
  const open = async () => {
    const made = await make();
    undo.push(made.close);
    const { store, accounts } = made;
    const [one, two] = accounts.map((account): SlotRef => ({ account, slot: 1 }));
    await store.registerIncarnation({ id: "i1", host: "h1", proof: {} });
    await store.registerIncarnation({ id: "i2", host: "h2", proof: {} });
    return { store, one: one!, two: two! };
  };
  afterEach(async () => {
    for (const close of undo.splice(0)) await close();
  });

  describe("custody across hosts", () => {
    it("grants a free token under the next epoch, and a held one to nobody else", async () => {
      const { store, one } = await open();
      expect(await store.grant(one, "i1")).toMatchObject({
        applied: true,
        token: { epoch: 1, state: "granted", incarnation: "i1" },
      });
      expect(await store.grant(one, "i2")).toMatchObject({
        applied: false,
        token: { epoch: 1, incarnation: "i1" },
      });
    });

    it("grants nothing to an incarnation that is unknown or was revoked", async () => {
      const { store, one } = await open();
      await store.revoke("i2");
      expect(await store.grant(one, "i2")).toMatchObject({ applied: false });
      expect(await store.grant(one, "stranger")).toMatchObject({ applied: false });
    });

    it("releases what a gate let go of, only under the epochs that still stand", async () => {
      const { store, one, two } = await open();
      await store.grant(one, "i1");
      await store.grant(two, "i1");
      const freed = await store.releaseAll([
        { ...one, epoch: 1 },
        { ...two, epoch: 0 },
      ]);
      expect(freed).toEqual([one]);
      expect(await store.freeAmong([one, two])).toEqual([one]);
      expect((await store.read(two))?.state).toBe("granted");
    });

    it("carries a grant over a floor that was reached before a restore, once", async () => {
      const { store, one } = await open();
      await store.grant(one, "i1");
      const grant = { ...one, epoch: 1 };
      expect(await store.supersede(grant, "i1", 5)).toEqual({ ...one, epoch: 6 });
      expect(await store.supersede(grant, "i1", 5)).toBeNull();
      expect(await store.supersede({ ...one, epoch: 6 }, "i2", 9)).toBeNull();
    });

    it("revokes an incarnation with all its tokens, and frees them only after that", async () => {
      const { store, one, two } = await open();
      await store.grant(one, "i1");
      await store.grant(two, "i2");
      expect(await store.silence("i1")).toEqual([]);
      expect(await store.revoke("i1")).toBe(true);
      expect((await store.read(one))?.state).toBe("revoked");
      expect(await store.apply(one, { type: "connected", epoch: 1 })).toMatchObject({
        applied: false,
      });
      expect(await store.silence("i1")).toEqual([{ ...one, epoch: 1 }]);
      expect((await store.read(one))?.state).toBe("free");
      expect((await store.read(two))?.state).toBe("granted");
      expect(await store.revoke("stranger")).toBe(false);
    });

    it("names who may still have something open", async () => {
      const { store, one } = await open();
      await store.grant(one, "i1");
      await store.revoke("i1");
      const holders = await store.holders();
      expect(holders).toEqual(
        expect.arrayContaining([
          { incarnation: "i1", host: "h1", state: "REVOKED", tokens: 1 },
          { incarnation: "i2", host: "h2", state: "LIVE", tokens: 0 },
        ]),
      );
      await store.silence("i1");
      expect((await store.holders()).map(({ incarnation }) => incarnation)).toEqual(["i2"]);
    });

    it("counts beats, and says when the incarnation is no longer live or not known", async () => {
      const { store } = await open();
      expect(await store.beat("i1")).toEqual({ state: "LIVE", beats: 1 });
      expect(await store.beat("i1")).toEqual({ state: "LIVE", beats: 2 });
      await store.revoke("i1");
      expect(await store.beat("i1")).toEqual({ state: "REVOKED" });
      expect(await store.beat("stranger")).toEqual({ state: "MISSING" });
    });

    it("lets exactly one of many win who want the same token at once", async () => {
      const { store, one } = await open();
      const grants = await Promise.all(
        Array.from({ length: 12 }, (_, index) => store.grant(one, index % 2 === 0 ? "i1" : "i2")),
      );
      expect(grants.filter(({ applied }) => applied)).toHaveLength(1);
    });
  });
}
