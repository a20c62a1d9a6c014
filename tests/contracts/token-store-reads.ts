import { describe, expect, it } from "vitest";
import type { SlotRef } from "../../src/ports/custody/token-store.ts";
import { freshStores, keyIds, type MakeCustodyStores } from "../fixtures/fresh-custody.ts";

/** In the order of their names: a store promises none. */
const accountsOf = (tokens: readonly SlotRef[]): readonly string[] =>
  tokens.map(({ account }) => account).toSorted();

const byAccount = (left: SlotRef, right: SlotRef): number =>
  left.account < right.account ? -1 : 1;

/** What a token store answers of tokens in their number: what an incarnation holds, and what serves. */
export function specifyTokenReads(make: MakeCustodyStores): void {
  const open = freshStores(make);

  describe("a token store's answers", () => {
    it("tells what an incarnation holds, of one account or of all, revoked or not", async () => {
      const { tokens, incarnations, one, two } = await open();
      await tokens.grant(one, "i1");
      await tokens.grant(two, "i1");
      await incarnations.revoke("i1");
      expect(accountsOf(await tokens.heldBy("i1"))).toEqual(["one", "two"]);
      expect(await tokens.heldBy("i1", two.account)).toEqual([
        {
          ...two,
          epoch: 1,
          state: "revoked",
          heldAs: "granted",
          incarnation: "i1",
          connectedEpoch: 0,
        },
      ]);
    });

    it("tells nothing of what other incarnations hold or of what is free", async () => {
      const { tokens, one, two } = await open();
      await tokens.grant(one, "i1");
      await tokens.grant(two, "i2");
      await tokens.released({ ...two, epoch: 1 });
      expect(accountsOf(await tokens.heldBy("i1"))).toEqual(["one"]);
      expect(await tokens.heldBy("i1", two.account)).toEqual([]);
      expect(await tokens.heldBy("i2")).toEqual([]);
    });

    it("tells what an incarnation holds besides some accounts, but for a few of these", async () => {
      const { tokens, one, two } = await open();
      await tokens.grant(one, "i1");
      await tokens.grant(two, "i1");
      const besides = async (accounts: readonly string[], but: readonly string[]) =>
        accountsOf(await tokens.heldBesides("i1", accounts, but));
      expect(await besides([], [])).toEqual(["one", "two"]);
      expect(await besides(["one"], [])).toEqual(["two"]);
      expect(await besides(["one", "two"], [])).toEqual([]);
      expect(await besides(["one", "two"], ["two"])).toEqual(["two"]);
    });

    it("tells nothing besides of other incarnations, whatever accounts are named", async () => {
      const { tokens, one, two } = await open();
      await tokens.grant(one, "i1");
      await tokens.grant(two, "i2");
      expect(accountsOf(await tokens.heldBesides("i1", [], ["two"]))).toEqual(["one"]);
    });

    it("tells of a serving slot who holds its token, with the key and the proof of its holder", async () => {
      const { tokens, incarnations, one, two } = await open();
      await incarnations.register({ id: "i1", host: "h1", proof: { node: 41 } });
      await tokens.grant(one, "i1");
      await tokens.connected({ ...one, epoch: 1 });
      const [held, free, ...more] = (await tokens.serving()).toSorted(byAccount);
      expect(held).toEqual({
        ...one,
        epoch: 1,
        state: "connected",
        heldAs: null,
        incarnation: "i1",
        connectedEpoch: 1,
        keyId: keyIds[0],
        host: "h1",
        sinceMs: expect.any(Number),
        proof: { node: 41 },
      });
      expect(free).toMatchObject({ ...two, state: "free", host: null, proof: null });
      expect(more).toEqual([]);
    });

    it("finds a serving slot by its account and by its key, and none by those of no slot", async () => {
      const { tokens } = await open();
      expect(accountsOf(await tokens.serving({ account: "two" }))).toEqual(["two"]);
      expect(accountsOf(await tokens.serving({ keyId: keyIds[1] }))).toEqual(["two"]);
      expect(await tokens.serving({ account: "one", keyId: keyIds[1] })).toEqual([]);
      expect(await tokens.serving({ account: "three" })).toEqual([]);
      expect(await tokens.serving({ keyId: "00000000000000ff" })).toEqual([]);
    });

    it("dates a serving token by its last change, which a refused event is not", async () => {
      const { tokens, one } = await open();
      const sinceMs = async () => (await tokens.serving({ account: one.account }))[0]!.sinceMs;
      const made = await sinceMs();
      // The database's clock has to have moved on.
      await expect
        .poll(
          async () => {
            const { token } = await tokens.grant(one, "i1");
            await tokens.released({ ...one, epoch: token!.epoch });
            return sinceMs();
          },
          { interval: 1 },
        )
        .toBeGreaterThan(made);
      const changed = await sinceMs();
      await tokens.released({ ...one, epoch: 0 });
      await tokens.grant(one, "stranger");
      expect(await sinceMs()).toBe(changed);
    });
  });
}
