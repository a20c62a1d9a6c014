import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTurnLanes } from "../../../src/conversation/turns/lanes.ts";
import type { InboundDelivery } from "../../../src/ports/conversation/inbound-stream.ts";

const deliveryOf = (
  chatUser: string,
  position: number,
  of: Partial<Pick<InboundDelivery["item"], "channel" | "account">> = {},
): InboundDelivery => ({
  item: {
    channel: "telegram",
    account: "site-bot",
    chatUser,
    peer: { userId: chatUser, accessHash: "0" },
    inboundId: `m:${position}`,
    kind: "text",
    text: "",
    receivedAtMs: 0,
    ...of,
  },
  position,
  done() {},
  retry() {},
});

function lanesWith(...deliveries: readonly InboundDelivery[]) {
  const lanes = createTurnLanes();
  for (const delivery of deliveries) lanes.add(delivery);
  return lanes;
}

describe("one chat user's lane", () => {
  it("gives deliveries by position, in whatever order they were added", () => {
    const lanes = lanesWith(deliveryOf("a", 5), deliveryOf("a", 2), deliveryOf("a", 9));
    lanes.add(deliveryOf("a", 7));
    const given: number[] = [];
    for (let taken = lanes.take(); taken !== null; taken = lanes.take()) {
      given.push(taken.position);
      lanes.leave(taken);
    }
    expect(given).toEqual([2, 5, 7, 9]);
  });

  it("gives nothing while it is taken, whatever is added to it", () => {
    const lanes = lanesWith(deliveryOf("a", 2), deliveryOf("a", 3));
    const taken = lanes.take()!;
    lanes.add(deliveryOf("a", 1));
    expect(lanes.take()).toBeNull();
    lanes.leave(taken);
    expect(lanes.take()?.position).toBe(1);
  });

  it("gives one delivery at a time when an older one was added in front", () => {
    const lanes = lanesWith(deliveryOf("a", 5), deliveryOf("a", 2));
    expect(lanes.take()?.position).toBe(2);
    expect(lanes.take()).toBeNull();
    expect(lanes.waiting).toBe(1);
  });

  it("gives a position that was added twice once, as it was delivered last", () => {
    const [first, again] = [deliveryOf("a", 1), deliveryOf("a", 1)];
    const lanes = lanesWith(first, deliveryOf("a", 2), again);
    expect(lanes.waiting).toBe(2);
    const taken = lanes.take()!;
    expect(taken).toBe(again);
    lanes.leave(taken);
    expect(lanes.take()?.position).toBe(2);
  });

  it("gives a position that is delivered again while it is taken only after that", () => {
    const lanes = lanesWith(deliveryOf("a", 1));
    const taken = lanes.take()!;
    const again = deliveryOf("a", 1);
    lanes.add(again);
    expect(lanes.take()).toBeNull();
    lanes.leave(taken);
    expect(lanes.take()).toBe(again);
  });

  it("gives another item that came at the same position, from a stream made anew, after the first", () => {
    const other = deliveryOf("a", 1);
    const renewed = { ...other, item: { ...other.item, inboundId: "m:renewed" } };
    const lanes = lanesWith(deliveryOf("a", 1), deliveryOf("a", 2), renewed);
    const given: string[] = [];
    for (let taken = lanes.take(); taken !== null; taken = lanes.take()) {
      given.push(taken.item.inboundId);
      lanes.leave(taken);
    }
    expect(given).toEqual(["m:1", "m:renewed", "m:2"]);
  });

  it("is apart from those of the same user with another account or channel", () => {
    const lanes = lanesWith(
      deliveryOf("a", 1),
      deliveryOf("a", 2, { account: "other-bot" }),
      deliveryOf("a", 3, { channel: "webhook" }),
    );
    expect([lanes.take(), lanes.take(), lanes.take()].map((taken) => taken?.position)).toEqual([
      1, 2, 3,
    ]);
  });
});

describe("the lanes of turns", () => {
  it("give the oldest delivery of all users that are not taken", () => {
    const lanes = lanesWith(deliveryOf("a", 4), deliveryOf("b", 6), deliveryOf("c", 5));
    lanes.add(deliveryOf("b", 3));
    expect([lanes.take(), lanes.take(), lanes.take()].map((taken) => taken?.position)).toEqual([
      3, 4, 5,
    ]);
    expect(lanes.waiting).toBe(1);
  });

  it("let a user who was served wait for an older message of another", () => {
    const lanes = lanesWith(deliveryOf("a", 1), deliveryOf("a", 3), deliveryOf("b", 2));
    lanes.leave(lanes.take()!);
    expect([lanes.take(), lanes.take()].map((taken) => taken?.position)).toEqual([2, 3]);
  });

  it("let a user with a thousand messages hold up no other", () => {
    const lanes = createTurnLanes();
    for (let position = 1; position <= 1_000; position += 1) lanes.add(deliveryOf("a", position));
    lanes.add(deliveryOf("b", 1_001));
    const [first, other] = [lanes.take()!, lanes.take()!];
    expect([first.position, other.position]).toEqual([1, 1_001]);
    lanes.leave(other);
    expect(lanes.take()).toBeNull();
    expect(lanes.waiting).toBe(999);
  });

  it("have nothing to give while they are empty, and give again after that", () => {
    const lanes = createTurnLanes();
    expect(lanes.take()).toBeNull();
    expect(lanes.drain()).toEqual([]);
    lanes.add(deliveryOf("a", 1));
    lanes.leave(lanes.take()!);
    expect(lanes.take()).toBeNull();
    lanes.add(deliveryOf("a", 2));
    expect(lanes.take()?.position).toBe(2);
    expect(lanes.waiting).toBe(0);
  });

  it("drain what waits in stream order, without what is taken", () => {
    const lanes = lanesWith(deliveryOf("a", 1), deliveryOf("b", 3), deliveryOf("a", 2));
    const taken = lanes.take()!;
    expect(lanes.drain().map(({ position }) => position)).toEqual([2, 3]);
    expect(lanes.waiting).toBe(0);
    expect(lanes.take()).toBeNull();
    lanes.leave(taken);
    for (const chatUser of ["a", "b"]) lanes.add(deliveryOf(chatUser, chatUser === "a" ? 4 : 5));
    expect([lanes.take(), lanes.take()].map((one) => one?.position)).toEqual([4, 5]);
  });

  it("give as a plain list would that is searched anew each time", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ add: fc.nat({ max: 30 }) }) },
      { weight: 4, arbitrary: fc.constant("take" as const) },
      { weight: 4, arbitrary: fc.record({ leave: fc.nat() }) },
      { weight: 1, arbitrary: fc.constant("drain" as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lanes = createTurnLanes();
        const [given, expected]: [Answer[], Answer[]] = [[], []];
        let waiting: readonly number[] = [];
        const taken: InboundDelivery[] = [];
        const isFree = (position: number) =>
          taken.every(({ item }) => item.chatUser !== userOf(position));
        for (const next of steps) {
          if (next === "drain") {
            given.push(lanes.drain().map(({ position }) => position));
            expected.push(waiting);
            waiting = [];
          } else if (next === "take") {
            const delivery = lanes.take();
            const oldest = waiting.find(isFree);
            given.push(delivery?.position);
            expected.push(oldest);
            waiting = waiting.filter((position) => position !== oldest);
            if (delivery !== null) taken.push(delivery);
          } else if ("add" in next) {
            lanes.add(deliveryOf(userOf(next.add), next.add));
            waiting = [...new Set([...waiting, next.add])].toSorted((a, b) => a - b);
          } else if (taken.length > 0) {
            const [left] = taken.splice(next.leave % taken.length, 1);
            lanes.leave(left!);
          }
          given.push(lanes.waiting);
          expected.push(waiting.length);
        }
        expect(given).toEqual(expected);
      }),
    );
  });
});

/** The positions that were drained, the one that was taken, or how many wait. */
type Answer = readonly number[] | number | undefined;

/** A position is always the same user's. */
const userOf = (position: number): string => `${position % 4}`;
