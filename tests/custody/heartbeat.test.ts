import { describe, expect, it } from "vitest";
import { createHeartbeat } from "../../src/custody/heartbeat.ts";
import type { Beat } from "../../src/ports/custody/incarnation-store.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const awayMs = 10_000;

/**
 * `answers`: what Postgres answers to each beat; null: it is not written. `marks`: what it shows of other hosts at each
 * look; by default nothing comes back.
 */
function open(answers: readonly (Beat | null)[], marks: readonly (string | null)[] = []) {
  const clock = createTestClock();
  const told: string[] = [];
  const left = [...answers];
  const shown = [...marks];
  const heartbeat = createHeartbeat({
    store: {
      async beat() {
        const answer = left.shift() ?? null;
        if (answer === null) throw new Error("no answer");
        return answer;
      },
      async marksOfOthers() {
        const mark = shown.shift();
        if (mark === undefined) throw new Error("no answer");
        return mark;
      },
    },
    incarnation: "one",
    clock,
    awayMs,
    onEnded: (why) => told.push(`ended: ${why}`),
    onRestored: (why) => told.push(`restored: ${why}`),
    onAway: (away) => told.push(away ? "away" : "back"),
  });
  return {
    told,
    end: heartbeat.end,
    async beat(afterMs: number) {
      clock.advance(afterMs);
      await heartbeat.beat();
    },
  };
}

const live = (beats: number): Beat => ({ state: "LIVE", beats });
const locked: Beat = { state: "LOCKED" };

describe("a heartbeat", () => {
  it("says that Postgres is away once nothing has come back for so long, and that it is back", async () => {
    const { told, beat } = open([live(1), null, null, live(2)]);
    await beat(0);
    await beat(awayMs / 2);
    expect(told).toEqual([]);
    await beat(awayMs / 2);
    expect(told).toEqual(["away"]);
    await beat(1000);
    expect(told).toEqual(["away", "back"]);
  });

  const tenTimes = <One>(one: One): readonly One[] => Array.from({ length: 10 }, () => one);

  it.each([
    ["a lock of its row", locked, "a 7"],
    ["a lock of the table", locked, null],
    ["a database that can only be read", null, "a 7"],
  ])(
    "that %s keeps from being written is no absence: no other host is ahead",
    async (_what, answer, mark) => {
      const { told, beat } = open([live(1), ...tenTimes(answer), live(2)], tenTimes(mark));
      for (let beats = 0; beats < 12; beats += 1) await beat(awayMs / 3);
      expect(told).toEqual([]);
    },
  );

  it("that is not written while another host's is says that Postgres is away", async () => {
    const { told, beat } = open(
      [live(1), ...tenTimes(locked)],
      tenTimes("a").map((host, beats) => `${host} ${beats}`),
    );
    for (let beats = 0; beats < 3; beats += 1) await beat(awayMs / 3);
    expect(told).toEqual([]);
    await beat(awayMs / 3);
    expect(told).toEqual(["away"]);
  });

  it("that waits behind a lock after an absence does not say that Postgres is back: it cannot be written yet", async () => {
    const { told, beat } = open([live(1), null, locked, live(2)], ["a 7", "a 7"]);
    await beat(0);
    await beat(awayMs);
    await beat(1000);
    expect(told).toEqual(["away"]);
    await beat(1000);
    expect(told).toEqual(["away", "back"]);
  });

  it("hears of its own end, and of a restore", async () => {
    const { told, beat } = open([live(4), live(4), { state: "REVOKED" }, { state: "MISSING" }]);
    for (let beats = 0; beats < 4; beats += 1) await beat(1000);
    expect(told.map((line) => line.split(":")[0])).toEqual(["restored", "ended", "restored"]);
  });

  it("that was ended tells nothing, also of a beat that was under way", async () => {
    const { told, beat, end } = open([live(1), { state: "RELEASED" }, null]);
    await beat(0);
    const underWay = beat(1000);
    end();
    await underWay;
    await beat(awayMs);
    expect(told).toEqual([]);
  });
});
