import { describe, expect, it } from "vitest";
import { createBrake } from "../../../src/conversation/turns/brake.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const user = (chatUser: string) =>
  ({ channel: "telegram", account: "desk", chatUser, kind: "text" }) as const;

function setUp(turnsMax = 40) {
  const clock = createTestClock();
  const braked: string[] = [];
  const brake = createBrake({
    turnsMax,
    clock,
    onBraked: ({ chatUser }) => void braked.push(chatUser),
  });
  /** Messages, each so long after the answer before it, until the conversation rests. */
  function exchange(chatUser: string, turns: number, gapMs: number, handlerMs = 5): number {
    for (let turn = 0; turn < turns; turn += 1) {
      brake.arrived(user(chatUser), true);
      if (brake.restMs(user(chatUser)) > 0) return turn;
      clock.advance(handlerMs);
      brake.answered(user(chatUser));
      clock.advance(gapMs);
    }
    return turns;
  }
  return { clock, braked, brake, exchange };
}

describe("the brake of a conversation", () => {
  it("makes two programs rest that answer each other at once, and says it once", () => {
    const { braked, brake, exchange } = setUp();
    expect(exchange("1", 100, 20)).toBe(40);
    expect(brake.restMs(user("1"))).toBe(5_000);
    expect(brake.restMs(user("2"))).toBe(0);
    expect(braked).toEqual(["1"]);
  });

  it("rests longer each time, up to five minutes, and says nothing more", () => {
    const { clock, braked, brake, exchange } = setUp();
    exchange("1", 100, 20);
    const rests: number[] = [];
    for (let again = 0; again < 8; again += 1) {
      clock.advance(brake.restMs(user("1")));
      expect(exchange("1", 100, 20)).toBe(5);
      rests.push(brake.restMs(user("1")) / 1000);
    }
    expect(rests).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
    expect(braked).toEqual(["1"]);
  });

  it("counts slow handlers too, as the pause alone tells a person", () => {
    const { exchange } = setUp();
    expect(exchange("1", 100, 500, 20_000)).toBe(40);
  });

  it("leaves a person alone who pauses now and then", () => {
    const { exchange } = setUp();
    for (let more = 0; more < 10; more += 1) {
      expect(exchange("1", 39, 100)).toBe(39);
      expect(exchange("1", 1, 2_000)).toBe(1);
    }
  });

  it("leaves a person alone who presses buttons without a pause", () => {
    const { brake, exchange } = setUp();
    for (let more = 0; more < 100; more += 1) {
      expect(exchange("1", 3, 10)).toBe(3);
      brake.arrived({ ...user("1"), kind: "tap" }, true);
      brake.answered(user("1"));
    }
  });

  it("leaves a burst of messages alone, however long it is", () => {
    const { clock, brake } = setUp();
    brake.arrived(user("1"), true);
    for (let more = 0; more < 500; more += 1) {
      brake.arrived(user("1"), false);
      clock.advance(1);
      brake.answered(user("1"));
    }
    expect(brake.restMs(user("1"))).toBe(0);
  });

  it("forgets a conversation that was quiet for ten minutes after its rest", () => {
    const { clock, braked, exchange } = setUp();
    exchange("1", 100, 20);
    clock.advance(606_000);
    expect(exchange("2", 1, 0)).toBe(1);
    expect(exchange("1", 100, 20)).toBe(40);
    expect(braked).toEqual(["1", "1"]);
  });
});
