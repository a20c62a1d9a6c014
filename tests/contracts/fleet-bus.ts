import { afterEach, describe, expect, it } from "vitest";
import type { FleetBus, FleetNews } from "../../src/ports/custody/fleet-bus.ts";

/** Two views of one bus. `id` makes incarnations of this test unlike those of others. */
export type MakeBus = () => Promise<{
  readonly one: FleetBus;
  readonly two: FleetBus;
  readonly id: string;
  /** Resolves when the subscriptions so far are in effect. */
  listening(): Promise<void>;
  close(): Promise<void>;
}>;

export function specifyFleetBus(make: MakeBus): void {
  const undo: (() => Promise<void>)[] = [];
  const open = async () => {
    const made = await make();
    undo.push(made.close);
    return made;
  };
  afterEach(async () => {
    for (const close of undo.splice(0)) await close();
  });

  /** The news of this test: others may use the same bus. */
  const hear = (bus: FleetBus, account: string) =>
    new Promise<FleetNews>((resolve) => {
      const stop = bus.onNews((news) => {
        if (!("account" in news) || news.account !== account) return;
        stop();
        resolve(news);
      });
    });

  describe("a fleet's bus", () => {
    it("tells news to every listener, the teller's own included", async () => {
      const { one, two, id, listening } = await open();
      const heard = [hear(one, id), hear(two, id)];
      await listening();
      const news: FleetNews = { type: "freed", account: id, slot: 1, epoch: 7 };
      one.tell(news);
      expect(await Promise.all(heard)).toEqual([news, news]);
      const heardTaken = hear(two, id);
      await listening();
      one.tell({ ...news, type: "taken" });
      expect(await heardTaken).toEqual({ ...news, type: "taken" });
    });

    it("tells that a gate has ended", async () => {
      const { one, two, id, listening } = await open();
      const heard = new Promise<FleetNews>((resolve) => {
        two.onNews((news) => {
          if (news.type === "ended" && news.incarnation === id) resolve(news);
        });
      });
      await listening();
      const news = { type: "ended", incarnation: id, host: "h1", signature: "signed" } as const;
      one.tell(news);
      expect(await heard).toEqual(news);
    });

    it("answers a fence only when the gate has done what it was asked", async () => {
      const { one, two, id, listening } = await open();
      const asked: unknown[] = [];
      two.onFence(id, async (request) => {
        asked.push(request);
        return "signed";
      });
      await listening();
      const grant = { account: id, slot: 1, epoch: 7 };
      expect(await one.fence(id, { type: "token", grant })).toBe("signed");
      expect(asked).toEqual([{ type: "token", grant }]);
    });

    it("says that it does not know when no such gate answers, or when it failed", async () => {
      const { one, two, id, listening } = await open();
      two.onFence(id, () => Promise.reject(new Error("a socket does not close")));
      await listening();
      expect(await one.fence(id, { type: "everything" })).toBeNull();
      expect(await one.fence(`${id}-other`, { type: "everything" })).toBeNull();
    });
  });
}
