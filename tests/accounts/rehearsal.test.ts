import { describe, expect, it } from "vitest";
import { createTestClock } from "../fixtures/test-clock.ts";
import { rehearseHandover, type RehearsalStores } from "../../src/accounts/rehearsal.ts";

describe("the rehearsal of a handover", () => {
  function stores(answer: () => Promise<never>) {
    const asked: string[] = [];
    let atWork = 0;
    const widest = new Map<string, number>();
    const one =
      (name: string) =>
      async (...values: unknown[]): Promise<never> => {
        atWork += 1;
        widest.set(name, Math.max(widest.get(name) ?? 0, atWork));
        asked.push(JSON.stringify(values));
        await new Promise(setImmediate);
        atWork -= 1;
        return answer();
      };
    const custody = [
      "needs",
      "loadSession",
      "openRenewal",
      "telegramUser",
      "recordTransition",
      "grant",
      "connected",
      "released",
    ];
    const of = Object.fromEntries(custody.map((name) => [name, one(name)]));
    const all = {
      accounts: of,
      tokens: of,
      waits: { inForce: one("inForce") },
      connections: { custody: 3, others: 2 },
    };
    return { asked, widest, custody, stores: all as unknown as RehearsalStores };
  }

  it("asks each statement on every connection at once, and names no account", async () => {
    const { asked, widest, custody, stores: all } = stores(() => Promise.resolve(null as never));
    await rehearseHandover({ ...all, connections: { custody: 3, others: 0 } }, createTestClock());
    expect(custody.map((name) => widest.get(name))).toEqual(custody.map(() => 3));
    expect(asked).toHaveLength(3 * custody.length);
    expect(asked.filter((values) => !values.includes('""'))).toEqual([]);
  });

  it("goes on where every statement fails", async () => {
    const { asked, stores: all } = stores(() => Promise.reject(new Error("away")));
    await rehearseHandover(all, createTestClock());
    expect(asked).toHaveLength(3 * 8 + 2);
  });

  it("holds a start up for two seconds behind a locked table, and asks nothing more then", async () => {
    const locked = Promise.withResolvers<never>();
    const { asked, stores: all } = stores(() => locked.promise);
    const clock = createTestClock();
    const rehearsed = rehearseHandover(all, clock);
    await new Promise(setImmediate);
    clock.advance(2_000);
    await rehearsed;
    expect(asked).toHaveLength(3 + 2);
    locked.reject(new Error("away"));
    await new Promise(setImmediate);
    expect(asked).toHaveLength(3 + 2);
  });
});
