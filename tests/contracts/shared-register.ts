import { afterEach, describe, expect, it } from "vitest";
import type { RegisterEntry, SharedRegister } from "../../src/ports/custody/shared-register.ts";

interface Value {
  readonly nonce: string;
}

/** Two views of one empty register, as two processes have them. */
export type MakeRegister = () => Promise<{
  readonly one: SharedRegister<Value>;
  readonly two: SharedRegister<Value>;
  close(): Promise<void>;
}>;

/** The contract of every register, whatever stores it. */
export function specifySharedRegister(make: MakeRegister): void {
  const undo: (() => Promise<void>)[] = [];
  const open = async () => {
    const made = await make();
    undo.push(made.close);
    return made;
  };
  afterEach(async () => {
    for (const close of undo.splice(0)) await close();
  });

  describe("a shared register", () => {
    it("shows nothing where nothing stands", async () => {
      const { one } = await open();
      expect(await one.read("h1")).toBeNull();
      expect(await one.entries()).toEqual([]);
    });

    it("shows to everybody what one has written, at the revision that it was given", async () => {
      const { one, two } = await open();
      const revision = await one.write("h1", { nonce: "a" }, 0);
      expect(await two.read("h1")).toEqual({ key: "h1", value: { nonce: "a" }, revision });
      expect(await two.entries()).toEqual([{ key: "h1", value: { nonce: "a" }, revision }]);
    });

    it("counts revisions up with every write", async () => {
      const { one } = await open();
      const first = await one.write("h1", { nonce: "a" }, 0);
      const second = await one.write("h2", { nonce: "b" }, 0);
      const third = await one.write("h1", { nonce: "c" }, first);
      expect(second).toBeGreaterThan(first);
      expect(third).toBeGreaterThan(second);
    });

    it("refuses a write over a revision that is no longer the key's, and changes nothing", async () => {
      const { one, two } = await open();
      const first = await one.write("h1", { nonce: "a" }, 0);
      await two.write("h1", { nonce: "b" }, first);
      await expect(one.write("h1", { nonce: "c" }, first)).rejects.toMatchObject({
        code: "REGISTER_CONFLICT",
      });
      await expect(one.write("h1", { nonce: "c" }, 0)).rejects.toMatchObject({
        code: "REGISTER_CONFLICT",
      });
      expect((await one.read("h1"))?.value).toEqual({ nonce: "b" });
    });

    it("lets exactly one of several win who write over the same revision at once", async () => {
      const { one, two } = await open();
      const first = await one.write("h1", { nonce: "a" }, 0);
      const outcomes = await Promise.allSettled(
        [one, two, one, two].map((view, index) => view.write("h1", { nonce: `w${index}` }, first)),
      );
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    });

    it("shows a watcher what stands there, and then each change, until it stops", async () => {
      const { one, two } = await open();
      const first = await one.write("h1", { nonce: "a" }, 0);
      const seen: RegisterEntry<Value>[] = [];
      let wake = () => {};
      const until = (count: number) =>
        new Promise<void>((resolve) => {
          wake = () => {
            if (seen.length >= count) resolve();
          };
          wake();
        });
      const stop = await two.watch((entry) => {
        seen.push(entry);
        wake();
      });
      await until(1);
      await one.write("h1", { nonce: "b" }, first);
      await until(2);
      stop();
      expect(seen.map(({ value }) => value.nonce)).toEqual(["a", "b"]);
    });
  });
}
