import { describe, expect, it } from "vitest";
import { sweepStrandedReplies } from "../../src/node/stranded-replies.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const everyMs = 10_000;

function scene(waiting: () => Promise<readonly { account: string; stranded: boolean }[]>) {
  const clock = createTestClock();
  const asked: (readonly string[])[] = [];
  const notified: [string, boolean | undefined][] = [];
  const names = ["one", "two"];
  const sweep = sweepStrandedReplies({
    outbox: {
      waitingAmong(accounts) {
        asked.push(accounts);
        return waiting();
      },
    },
    host: {
      all: () => names.map((name) => ({ name })),
      find: (name) =>
        names.includes(name)
          ? { notifyOutbox: (stranded) => void notified.push([name, stranded]) }
          : null,
    },
    clock,
    everyMs,
  });
  clock.advance(everyMs);
  return { clock, asked, notified, sweep };
}

describe("the sweep for stranded replies", () => {
  it("wakes the senders of the accounts here whose replies wait, and says whether a claim was lost", async () => {
    const { asked, notified, sweep } = scene(async () => [
      { account: "two", stranded: true },
      { account: "gone", stranded: false },
    ]);
    await sweep();
    expect(asked).toEqual([["one", "two"]]);
    expect(notified).toEqual([["two", true]]);
  });

  it("asks the database at most once in its time, however often this host beats", async () => {
    const { clock, asked, sweep } = scene(async () => []);
    await sweep();
    clock.advance(everyMs - 1);
    await sweep();
    expect(asked).toHaveLength(1);
    clock.advance(1);
    await sweep();
    expect(asked).toHaveLength(2);
  });

  it("looks again after the database was away", async () => {
    let isAway = true;
    const { clock, notified, sweep } = scene(async () => {
      if (isAway) throw new Error("away");
      return [{ account: "one", stranded: false }];
    });
    await sweep();
    isAway = false;
    clock.advance(everyMs);
    await sweep();
    expect(notified).toEqual([["one", false]]);
  });
});
