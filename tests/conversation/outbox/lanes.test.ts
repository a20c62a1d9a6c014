import { describe, expect, it } from "vitest";
import {
  createOutboxLanes,
  type OutboxLane,
  type OutboxLanes,
} from "../../../src/conversation/outbox/lanes.ts";
import type { OutboxItem } from "../../../src/ports/conversation/outbox-store.ts";

const reply = (chatUser: string, seq: number, of: Partial<OutboxItem> = {}): OutboxItem => ({
  id: `${chatUser}:${seq}`,
  channel: "telegram",
  account: "site-bot",
  chatUser,
  peer: { userId: chatUser, accessHash: "0" },
  inboundId: "m:1",
  replyIndex: 0,
  randomId: `${seq}`,
  body: "",
  menu: null,
  sessionId: chatUser,
  seq,
  attempted: false,
  ...of,
});

function lanesWith(...items: readonly OutboxItem[]): OutboxLanes {
  const lanes = createOutboxLanes();
  lanes.add(items);
  return lanes;
}

const idsOf = (items: readonly OutboxItem[] | undefined) => items?.map(({ id }) => id);
const countsOf = ({ held, busy }: OutboxLanes) => ({ held, busy });
const nextUser = (lanes: OutboxLanes) => lanes.next()?.queue[0]?.chatUser;

/** The first reply of the lane that may send now fails, and its chat rests. */
function restNext(lanes: OutboxLanes): OutboxLane {
  const lane = lanes.next()!;
  lanes.begin(lane);
  lanes.rest(lane);
  lanes.end(lane);
  return lane;
}

describe("one chat's lane", () => {
  it("keeps its replies in the order in which they were added, over several claims", () => {
    const lanes = lanesWith(reply("a", 1), reply("b", 1), reply("a", 2));
    lanes.add([reply("a", 3)]);
    expect(idsOf(lanes.next()?.queue)).toEqual(["a:1", "a:2", "a:3"]);
  });

  it("loses its first reply and no other when that is settled", () => {
    const lanes = lanesWith(reply("a", 1), reply("a", 2));
    const lane = lanes.next()!;
    lanes.begin(lane);
    lanes.shift(lane);
    expect(idsOf(lane.queue)).toEqual(["a:2"]);
    expect(lanes.held).toBe(1);
  });

  it("has one call in flight at a time, whatever is added meanwhile", () => {
    const lanes = lanesWith(reply("a", 1));
    const lane = lanes.next()!;
    lanes.begin(lane);
    lanes.begin(lane);
    lanes.add([reply("a", 2)]);
    expect(lanes.next()).toBeNull();
    expect(countsOf(lanes)).toEqual({ held: 2, busy: 1 });
    lanes.end(lane);
    expect(lanes.next()).toBe(lane);
    expect(lanes.busy).toBe(0);
  });

  it("remembers the messages of its chat that were settled, until it has nothing left", () => {
    const lanes = lanesWith(reply("a", 1));
    const lane = lanes.next()!;
    lane.taken.add(77);
    lanes.begin(lane);
    lanes.shift(lane);
    lanes.add([reply("a", 2)]);
    lanes.end(lane);
    expect(lanes.next()?.taken).toEqual(new Set([77]));
    lanes.begin(lane);
    lanes.shift(lane);
    lanes.end(lane);
    lanes.add([reply("a", 3)]);
    expect(lanes.next()?.taken).toEqual(new Set());
  });

  it("gives back all that it held when it rests, and sends nothing that is added before its rest is over", () => {
    const lanes = lanesWith(reply("a", 1), reply("a", 2));
    const lane = lanes.next()!;
    lanes.begin(lane);
    expect(idsOf(lanes.rest(lane))).toEqual(["a:1", "a:2"]);
    lanes.end(lane);
    lanes.add([reply("a", 3)]);
    expect([lanes.next(), lanes.isResting(lane)]).toEqual([null, true]);
    expect(countsOf(lanes)).toEqual({ held: 1, busy: 0 });
    lanes.add([reply("a", 1), reply("a", 2)]);
    lanes.wake(lane);
    expect(idsOf(lanes.next()?.queue)).toEqual(["a:1", "a:2", "a:3"]);
  });

  it("keeps the order of sessions and numbers, however its replies come", () => {
    const of = (sessionId: string) => ({ sessionId });
    const lanes = lanesWith(reply("a", 9, of("9")), reply("a", 2, of("10")));
    lanes.begin(lanes.next()!);
    lanes.add([reply("a", 1, of("10")), reply("a", 4, of("9"))]);
    // The one in flight stays the first.
    expect(idsOf(lanes.of(reply("a", 0))?.queue)).toEqual(["a:9", "a:4", "a:1", "a:2"]);
  });

  it("counts as tried before when its first reply was", () => {
    const lanes = lanesWith(reply("a", 1, { attempted: true }), reply("b", 1));
    expect(lanes.next("retry")?.chatUser).toBe("a");
    expect(lanes.next("first")?.chatUser).toBe("b");
    expect(lanes.next("first", () => false)).toBeNull();
  });

  it("is apart from those of the same user with another account or channel", () => {
    const lanes = lanesWith(
      reply("a", 1),
      reply("a", 2, { account: "other-bot" }),
      reply("a", 3, { channel: "webhook" }),
    );
    const seqs = [1, 2, 3].map(() => {
      const lane = lanes.next()!;
      lanes.begin(lane);
      return lane.queue.map(({ seq }) => seq);
    });
    expect(seqs).toEqual([[1], [2], [3]]);
  });
});

describe("the lanes of replies", () => {
  it("have none that may send while they are empty", () => {
    const lanes = createOutboxLanes();
    lanes.add([]);
    expect(lanes.next()).toBeNull();
    expect(lanes.clear()).toEqual([]);
    expect(countsOf(lanes)).toEqual({ held: 0, busy: 0 });
  });

  it("forget a lane that has nothing left", () => {
    const lanes = lanesWith(reply("a", 1));
    const lane = lanes.next()!;
    lanes.begin(lane);
    lanes.shift(lane);
    lanes.end(lane);
    expect(lanes.next()).toBeNull();
    lanes.add([reply("a", 2)]);
    expect(lanes.next()).not.toBe(lane);
    expect(countsOf(lanes)).toEqual({ held: 1, busy: 0 });
  });

  it("pass over a chat that is busy and one that rests", () => {
    const lanes = lanesWith(reply("a", 1), reply("b", 1), reply("c", 1));
    lanes.begin(lanes.next()!);
    restNext(lanes);
    expect(nextUser(lanes)).toBe("c");
    expect(countsOf(lanes)).toEqual({ held: 2, busy: 1 });
  });

  it("let no chat that goes on overtake one that waits already", () => {
    const lanes = lanesWith(reply("a", 1), reply("a", 2), reply("b", 1));
    const first = lanes.next()!;
    lanes.begin(first);
    expect(nextUser(lanes)).toBe("b");
    lanes.shift(first);
    lanes.end(first);
    lanes.add([reply("a", 3)]);
    expect(nextUser(lanes)).toBe("b");
    lanes.begin(lanes.next()!);
    expect(lanes.next()).toBe(first);
  });

  it("answer all that they hold when they are cleared, and keep a resting chat in mind", () => {
    const lanes = lanesWith(reply("a", 1), reply("a", 2), reply("b", 1), reply("b", 2));
    const resting = restNext(lanes);
    expect(idsOf(lanes.clear())).toEqual(["b:1", "b:2"]);
    expect(countsOf(lanes)).toEqual({ held: 0, busy: 0 });
    expect([lanes.next(), lanes.of(reply("a", 1))]).toEqual([null, resting]);
  });

  it("forget a chat whose rest is over when nothing has come for it", () => {
    const lanes = lanesWith(reply("a", 1));
    const lane = restNext(lanes);
    lanes.wake(lane);
    expect(lanes.of(reply("a", 1))).toBeNull();
  });

  it("keep a busy chat when they are cleared", () => {
    const lanes = lanesWith(reply("a", 1), reply("a", 2), reply("b", 1));
    const lane = lanes.next()!;
    lanes.begin(lane);
    expect(idsOf(lanes.clear())).toEqual(["b:1"]);
    expect(countsOf(lanes)).toEqual({ held: 2, busy: 1 });
    lanes.shift(lane);
    lanes.end(lane);
    expect(idsOf(lanes.next()?.queue)).toEqual(["a:2"]);
  });

  it("change nothing for a lane that was cleared, also when its chat has another", () => {
    const lanes = lanesWith(reply("a", 1));
    const gone = lanes.next()!;
    lanes.clear();
    lanes.add([reply("a", 2)]);
    lanes.begin(gone);
    expect([lanes.rest(gone), lanes.isResting(gone)]).toEqual([[], false]);
    lanes.shift(gone);
    lanes.end(gone);
    lanes.wake(gone);
    expect(countsOf(lanes)).toEqual({ held: 1, busy: 0 });
    expect(idsOf(lanes.next()?.queue)).toEqual(["a:2"]);
  });
});
