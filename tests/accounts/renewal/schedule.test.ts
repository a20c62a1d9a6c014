import { describe, expect, it } from "vitest";
import type { Reason } from "../../../machines/lifecycle.ts";
import { afterQuiet, dueAt } from "../../../src/accounts/renewal/schedule.ts";
import { createRenewalTriggers } from "../../../src/accounts/scheduled-renewals.ts";
import type { Account } from "../../../src/accounts/account.ts";
import type { ServingKey } from "../../../src/ports/accounts/account-store.ts";
import { TelegramError } from "../../../src/ports/telegram/telegram-error.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const key: ServingKey = {
  account: "desk",
  slot: 3,
  kind: "user",
  origin: "made",
  hasPassword: false,
  sinceMs: 0,
  triedMs: null,
  failed: null,
};
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

  const failedWith = (reason: Reason, times = 1): ServingKey => ({
    ...key,
    triedMs: 40 * dayMs,
    failed: { times, atMs: 40 * dayMs, reason },
  });

  it("waits for as long as Telegram asked before it tries again, and an hour at least", () => {
    const flood = { code: "FLOOD_WAIT", message: "" };
    const day = failedWith({ ...flood, waitSeconds: 86_400 });
    expect(dueAt(day, schedule)).toBe(41 * dayMs);
    const minute = failedWith({ ...flood, waitSeconds: 60 });
    expect(dueAt(minute, schedule)).toBe(40 * dayMs + hourMs);
  });

  it("doubles the wait with each attempt that is aborted, up to a day", () => {
    const reason = { code: "PHONE_NUMBER_BANNED", message: "" };
    const waits = [1, 2, 3, 5, 6, 60].map(
      (times) => dueAt(failedWith(reason, times), schedule) - 40 * dayMs,
    );
    expect(waits).toEqual([1, 2, 4, 16, 24, 24].map((hours) => hours * hourMs));
  });

  it("waits for a period of the schedule where a person is needed, unless the password is kept since", () => {
    const needed = failedWith({ code: "PERSON_NEEDED", message: "" });
    expect(dueAt(needed, schedule)).toBe(70 * dayMs);
    expect(dueAt({ ...needed, hasPassword: true }, schedule)).toBe(40 * dayMs + hourMs);
    const elsewhere = failedWith({ code: "CODE_NOT_IN_APP", message: "" });
    expect(dueAt({ ...elsewhere, hasPassword: true }, schedule)).toBe(70 * dayMs);
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
  function open(
    keys: readonly ServingKey[],
    every: typeof schedule | null,
    passwordHint: () => Promise<string | null> = async () => null,
  ) {
    const clock = createTestClock(0);
    const begun: string[] = [];
    const notBegun: string[] = [];
    const told: string[] = [];
    const accounts = keys.map(({ account }) => ({
      name: account,
      renew: async (id: string, method: string) => void begun.push(`${method} ${id}`),
      use: (work: (client: { passwordHint: typeof passwordHint }) => unknown) =>
        work({ passwordHint }),
    }));
    const triggers = createRenewalTriggers({
      accounts: {
        servingKeys: async () => keys,
        async recordNotBegun({ id, reason }) {
          const isNews = !notBegun.some((known) => known.startsWith(id));
          notBegun.push(`${id} ${reason.code} ${reason.waitSeconds}`);
          return isNews;
        },
      },
      events: { report: (event) => void told.push(event.type === "note" ? event.code : "") },
      clock,
      schedule: every,
      serving: () => accounts as unknown as readonly Account[],
      onFault: (error) => begun.push(String(error)),
    });
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    return {
      begun,
      notBegun,
      told,
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

  const hourly = { ...schedule, everyMs: hourMs, jitterMs: 0 };

  it("begins none that needs a person, and tells its owner once", async () => {
    const { begun, notBegun, told, advance, triggers } = open([key], hourly, async () => "");
    triggers.look();
    await advance(50);
    for (let hours = 0; hours < 3; hours += 1) await advance(hourMs);
    expect(begun).toEqual([]);
    expect(notBegun[0]).toMatch(/^scheduled-desk-3-\S+ PERSON_NEEDED/);
    expect(told).toEqual(["RENEWAL_NEEDS_PERSON"]);
    triggers.stop();
  });

  it("asks nothing of Telegram where the password is kept, or the account is a bot", async () => {
    const asked = () => Promise.reject(new Error("Telegram was asked"));
    for (const known of [{ hasPassword: true }, { kind: "bot" as const }]) {
      const { begun, advance, triggers } = open([{ ...key, ...known }], hourly, asked);
      triggers.look();
      await advance(50);
      await advance(hourMs);
      expect(begun).toEqual([expect.stringMatching(/^auto scheduled-desk-3-/)]);
      triggers.stop();
    }
  });

  it("keeps a wait that Telegram asks for as an attempt, and begins none", async () => {
    const fault = { code: "FLOOD_WAIT", kind: "flood", waitSeconds: 7200, message: "" } as const;
    const flooded = () => Promise.reject(new TelegramError(fault));
    const { begun, notBegun, told, advance, triggers } = open([key], hourly, flooded);
    triggers.look();
    await advance(50);
    await advance(hourMs);
    expect([begun, told]).toEqual([[], []]);
    expect(notBegun).toEqual([expect.stringMatching(/ FLOOD_WAIT 7200$/)]);
    triggers.stop();
  });

  it("goes on with the other accounts where one cannot be asked", async () => {
    const bot = { ...key, account: "desk-bot", kind: "bot" as const };
    const broken = () => Promise.reject(new Error("no answer"));
    const { begun, advance, triggers } = open([key, bot], hourly, broken);
    triggers.look();
    await advance(50);
    await advance(hourMs);
    expect(begun).toEqual([
      "Error: no answer",
      expect.stringMatching(/^auto scheduled-desk-bot-3-/),
    ]);
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
