import { describe, expect, it } from "vitest";
import { afterQuiet, dueAt } from "../../../src/accounts/renewal/schedule.ts";
import { createRenewalTriggers } from "../../../src/accounts/scheduled-renewals.ts";
import type { Account } from "../../../src/accounts/account.ts";
import type { ServingKey } from "../../../src/ports/accounts/account-store.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const key: ServingKey = { account: "desk", slot: 3, origin: "made", sinceMs: 0, triedMs: null };
const schedule = { everyMs: 30 * dayMs, jitterMs: dayMs, quiet: null };

/** Local time, as quiet hours are. */
const at = (hour: number, minute = 0) => new Date(2026, 10, 21, hour, minute).getTime();
const quiet = { fromMinute: 22 * 60, toMinute: 6 * 60 };

describe("the schedule of renewals", () => {
  it("spreads keys over the jitter, each always at the same place", () => {
    const due = Array.from({ length: 50 }, (_, slot) => dueAt({ ...key, slot }, schedule));
    expect(new Set(due).size).toBeGreaterThan(45);
    for (const ms of due) {
      expect(ms).toBeGreaterThanOrEqual(30 * dayMs);
      expect(ms).toBeLessThan(31 * dayMs);
    }
    expect(dueAt(key, schedule)).toBe(dueAt(key, schedule));
  });

  it("tries an aborted renewal again after an hour, and not before the key is due", () => {
    const triedMs = 40 * dayMs;
    expect(dueAt({ ...key, triedMs }, schedule)).toBe(triedMs + hourMs);
    expect(dueAt({ ...key, triedMs: dayMs }, schedule)).toBe(dueAt(key, schedule));
  });

  it.each([
    ["before midnight", at(23), at(6) + dayMs],
    ["after midnight", at(3, 30), at(6)],
    ["at their beginning", at(22), at(6) + dayMs],
    ["at their end", at(6), at(6)],
    ["in the day", at(12), at(12)],
  ])("begins none in quiet hours: %s", (_when, asked, expected) => {
    expect(afterQuiet(asked, quiet)).toBe(expected);
  });
});

describe("what begins renewals by itself", () => {
  function open(keys: readonly ServingKey[], every: typeof schedule | null) {
    const clock = createTestClock(0);
    const begun: string[] = [];
    const accounts = keys.map(({ account }) => ({
      name: account,
      renew: async (id: string, method: string) => void begun.push(`${method} ${id}`),
    }));
    const triggers = createRenewalTriggers({
      accounts: { servingKeys: async () => keys },
      clock,
      schedule: every,
      serving: () => accounts as unknown as readonly Account[],
      onFault: (error) => begun.push(String(error)),
    });
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    return {
      begun,
      triggers,
      async advance(ms: number) {
        clock.advance(ms);
        await settle();
      },
    };
  }

  it("waits for the schedule without looking all the time, and names each renewal once", async () => {
    const { begun, triggers, advance } = open([key], {
      ...schedule,
      everyMs: 2 * hourMs,
      jitterMs: 0,
    });
    triggers.look();
    triggers.look();
    await advance(50);
    expect(begun).toEqual([]);
    await advance(hourMs);
    await advance(hourMs);
    expect(begun).toEqual(["auto scheduled-desk-3-1970-01-01T02:00:00.000Z"]);
    triggers.stop();
  });

  it("moves an imported session to a fresh key at once, and tries that once", async () => {
    const first = open([{ ...key, origin: "imported" }], null);
    first.triggers.look();
    await first.advance(50);
    expect(first.begun).toEqual(["handoff fresh-key-desk-3"]);
    const again = open([{ ...key, origin: "imported", triedMs: 5 }], null);
    again.triggers.look();
    await again.advance(50);
    expect(again.begun).toEqual([]);
  });
});
