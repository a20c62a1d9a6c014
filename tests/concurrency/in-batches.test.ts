import { describe, expect, it } from "vitest";
import { inBatches } from "../../src/concurrency/in-batches.ts";
import { settled, stateOf } from "../fixtures/promise-state.ts";

/** Work that ends, item by item, when the test says so. */
function heldWork() {
  const underWay = new Map<string, { readonly end: () => void; readonly fail: () => void }>();
  const work = (item: string) =>
    new Promise<void>((resolve, reject) => {
      underWay.set(item, {
        end: () => (underWay.delete(item), resolve()),
        fail: () => (underWay.delete(item), reject(new Error(`${item} broke`))),
      });
    });
  return { underWay, work };
}

describe("work in batches", () => {
  it("has so many items under way at most, and takes the next when one has ended", async () => {
    const { underWay, work } = heldWork();
    const all = inBatches(["a", "b", "c"], 2, work);
    expect([...underWay.keys()]).toEqual(["a", "b"]);
    underWay.get("b")!.end();
    await settled();
    expect([...underWay.keys()]).toEqual(["a", "c"]);
    for (const { end } of underWay.values()) end();
    expect(await stateOf(all)).toBe("resolved");
  });

  it("ends at once where there is nothing to do", async () => {
    expect(await stateOf(inBatches([], 2, async () => {}))).toBe("resolved");
  });

  it("rejects as the first item that fails, while the others go on", async () => {
    const { underWay, work } = heldWork();
    const all = inBatches(["a", "b", "c"], 2, work);
    underWay.get("a")!.fail();
    await expect(all).rejects.toThrow("a broke");
    underWay.get("b")!.end();
    await settled();
    expect([...underWay.keys()]).toEqual(["c"]);
  });
});
