import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OutboxStore } from "../../../src/ports/conversation/outbox-store.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { faults, firstMessageId } from "../../fixtures/test-telegram.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench("user");
});
afterEach(() => bench.close());

const rows = () =>
  bench.database.query<{ readonly state: string; readonly message_id: number | null }>(
    "select state, message_id from outbox order by id",
  );

/** The rows as a process leaves them that was killed while it sent. */
const leaveSending = async () => {
  const what = { limit: 100, perChat: 100, except: [], rested: [], wake: [] };
  return (await bench.outbox.claim(bench.grant, what))?.items;
};

describe("unknown outcomes (I4)", () => {
  it("a reply that arrived although its answer was lost is settled by reading back", async () => {
    let lost = true;
    bench.telegram.onSend = ({ text }) => {
      const now = lost && text === "b";
      if (now) lost = false;
      return now ? { fault: faults.lost, arrives: true } : null;
    };
    const outcomes: string[] = [];
    await bench.commitReplies("1", "a", "b", "c");
    const sender = bench.makeSender({ onReply: (outcome) => void outcomes.push(outcome) });
    await sender.start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b", "c"]);
    expect(bench.telegram.sends).toBe(3);
    expect(outcomes).toEqual(["sent", "unknown", "read-back", "sent"]);
  });

  it("a reply that did not arrive is sent again under the same random_id, before any later one", async () => {
    const ids: string[] = [];
    bench.telegram.onSend = ({ text, randomId }) => {
      if (text === "a") ids.push(randomId);
      return ids.length === 1 ? { fault: faults.lost, arrives: false } : null;
    };
    await bench.commitReplies("1", "a", "b");
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
    expect(new Set(ids).size).toBe(1);
    expect(ids).toHaveLength(2);
  });

  it("the same text twice is two messages: each found one accounts for one reply", async () => {
    await bench.commitReplies("1", "OK", "OK", "OK");
    const [first] = (await leaveSending()) ?? [];
    bench.telegram.sendByHand({ peer: first!.peer, text: "OK", randomId: first!.randomId });
    const written = deferred();
    const settle: OutboxStore["settle"] = (...told) =>
      written.promise.then(() => bench.outbox.settle(...told));
    const started = bench.makeSender({ store: { ...bench.outbox, settle } }).start();
    await expect.poll(() => bench.telegram.sends).toBe(2);
    written.resolve();
    await started;
    expect(bench.telegram.texts("1")).toEqual(["OK", "OK", "OK"]);
    expect(new Set((await rows()).map(({ message_id }) => message_id)).size).toBe(3);
  });

  it("a message that an earlier reply accounts for is not taken for a later one", async () => {
    await bench.commitReplies("1", "OK");
    const sender = bench.makeSender();
    await sender.start();
    await sender.stop();
    await bench.commitReplies("1", "OK");
    await leaveSending();
    await bench.makeSender().start();
    expect(bench.telegram.texts("1")).toEqual(["OK", "OK"]);
  });

  it("what was written by hand before the question is not taken for the answer", async () => {
    const peer = { userId: "1", accessHash: "7" };
    bench.telegram.sendByHand({ peer, text: "OK", randomId: "1" });
    await bench.commitLines(textFrom("1", "OK", `m:${firstMessageId}`));
    await leaveSending();
    await bench.makeSender().start();
    expect(bench.telegram.texts("1")).toEqual(["OK", "OK"]);
    expect(await rows()).toMatchObject([{ state: "sent", message_id: firstMessageId + 1 }]);
  });

  it("what was sent 150 messages ago is still found", async () => {
    await bench.commitReplies("1", "long ago");
    const [left] = (await leaveSending()) ?? [];
    const { peer } = left!;
    bench.telegram.sendByHand({ peer, text: "long ago", randomId: left!.randomId });
    for (let index = 0; index < 150; index += 1) {
      bench.telegram.sendByHand({ peer, text: `by hand ${index}`, randomId: `9${index}` });
    }
    await bench.makeSender().start();
    expect(await rows()).toMatchObject([{ state: "sent", message_id: firstMessageId }]);
    expect(bench.telegram.sends).toBe(0);
  });

  it("where the chat cannot be read, Telegram's memory of the random_id decides", async () => {
    bench.telegram.readable = false;
    await bench.commitReplies("1", "a", "b");
    const [first] = (await leaveSending()) ?? [];
    bench.telegram.sendByHand({ peer: first!.peer, text: "a", randomId: first!.randomId });
    await bench.makeSender().start();
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
    expect((await rows()).map(({ state }) => state)).toEqual(["sent", "sent"]);
  });

  it("while one chat's outcome stays unknown, nothing overtakes it and other chats go on", async () => {
    let broken = true;
    bench.telegram.onSend = ({ peer }) =>
      broken && peer.userId === "1" ? { fault: faults.lost, arrives: false } : null;
    const clock = createTestClock();
    await bench.commitReplies("1", "a", "b");
    const sender = bench.makeSender({ clock });
    await sender.start();
    await bench.commitReplies("2", "c");
    await bench.commitReplies("1", "d");
    sender.notify();
    await expect.poll(() => bench.telegram.texts("2")).toEqual(["c"]);
    expect(bench.telegram.texts("1")).toEqual([]);
    broken = false;
    await sender.recover();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b", "d"]);
  });

  it("without a reconnect the unknown is looked at again after a while", async () => {
    let failures = 3;
    bench.telegram.onSend = () => {
      failures -= 1;
      return failures > 0 ? { fault: faults.lost, arrives: false } : null;
    };
    await bench.commitReplies("1", "a");
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a"]);
    expect(bench.telegram.sends).toBe(3);
  });
});
