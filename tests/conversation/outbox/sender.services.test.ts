import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OutboxStore } from "../../../src/ports/conversation/outbox-store.ts";
import {
  type ConversationBench,
  openConversationBench,
  repliesUnsent,
} from "../../fixtures/conversation-bench.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { faults } from "../../fixtures/test-telegram.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench("user");
});
afterEach(() => bench.close());

interface Row {
  readonly body: string;
  readonly state: string;
  readonly message_id: number | null;
  readonly failure: string | null;
}

const rows = () =>
  bench.database.query<Row & Record<string, unknown>>(
    `select t.replies -> o.reply_index ->> 'body' as body, state, message_id, failure from outbox o
     join turns t on t.session_id = o.session_id and t.seq = o.seq - 1 - o.reply_index order by o.id`,
  );
const states = async () => (await rows()).map(({ state }) => state);

describe("sending", () => {
  it("replies go out in order per chat, also those that are committed meanwhile", async () => {
    await bench.commitReplies("1", "a", "b", "c");
    await bench.commitReplies("2", "d", "e");
    const sender = bench.makeSender();
    await sender.start();
    await bench.commitReplies("1", "f", "g");
    sender.notify();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b", "c", "f", "g"]);
    expect(bench.telegram.texts("2")).toEqual(["d", "e"]);
    expect(bench.telegram.historyReads).toBe(0);
    expect((await rows()).map(({ message_id }) => message_id)).toEqual(
      (await rows()).map(
        ({ body }) => bench.telegram.arrived.find(({ text }) => text === body)?.messageId,
      ),
    );
  });

  it("a chat that is slow delays no other chat, and chats at once are bounded", async () => {
    const slow = deferred();
    bench.telegram.onSend = async ({ peer }) => {
      if (peer.userId === "1") await slow.promise;
      return null;
    };
    await bench.commitReplies("1", "a", "b");
    for (const chatUser of ["2", "3", "4"]) await bench.commitReplies(chatUser, "c", "d");
    const sender = bench.makeSender({ limits: { chatsMax: 2 } });
    const started = sender.start();
    await expect.poll(() => bench.telegram.texts("4")).toEqual(["c", "d"]);
    expect(bench.telegram.texts("1")).toEqual([]);
    expect(sender.inFlight).toBe(1);
    slow.resolve();
    await started;
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
  });

  it("more replies than fit in one claim all go out", async () => {
    const bodies = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    for (const chatUser of ["1", "2", "3"]) await bench.commitReplies(chatUser, ...bodies);
    const sender = bench.makeSender({ limits: { claimMax: 7, heldMax: 14 } });
    await sender.start();
    sender.notify();
    await bench.sent();
    for (const chatUser of ["1", "2", "3"]) expect(bench.telegram.texts(chatUser)).toEqual(bodies);
  });

  it("a reply that is committed while an empty claim is answered is not forgotten", async () => {
    const empty = deferred();
    let claims = 0;
    const claim: OutboxStore["claim"] = async (...args) => {
      const items = await bench.outbox.claim(...args);
      claims += 1;
      if (claims === 1) await empty.promise;
      return items;
    };
    const sender = bench.makeSender({ store: { ...bench.outbox, claim } });
    const started = sender.start();
    await expect.poll(() => claims).toBe(1);
    await bench.commitReplies("1", "just now");
    sender.notify();
    empty.resolve();
    await started;
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["just now"]);
  });

  it("a refused reply fails with Telegram's name for it and the next one goes on", async () => {
    bench.telegram.onSend = ({ text }) =>
      text === "bad" ? { fault: faults.blocked, arrives: false } : null;
    await bench.commitReplies("1", "bad", "good");
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["good"]);
    expect(await rows()).toMatchObject([
      { state: "failed", failure: "USER_IS_BLOCKED" },
      { state: "sent", failure: null },
    ]);
    expect(bench.notes).toEqual(["REPLY_REFUSED"]);
  });
});

describe("flood waits, pauses and ends", () => {
  it("a flood wait is reported once, nothing more is sent until the account has cooled", async () => {
    let flooded = true;
    bench.telegram.onSend = () => (flooded ? { fault: faults.flood, arrives: false } : null);
    const waits: number[] = [];
    await bench.commitReplies("1", "a", "b");
    await bench.commitReplies("2", "c");
    const sender = bench.makeSender({ onFlood: (seconds) => void waits.push(seconds) });
    await sender.start();
    sender.notify();
    expect(waits).toEqual([7]);
    expect(bench.telegram.sends).toBeLessThanOrEqual(2);
    flooded = false;
    sender.resume();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
    expect(bench.telegram.texts("2")).toEqual(["c"]);
  });

  it("no send begins while the host's lease is about to run out, and all of them after", async () => {
    let mayCall = false;
    await bench.commitReplies("1", "a", "b");
    const sender = bench.makeSender({ mayCall: () => mayCall });
    await sender.start();
    expect(bench.telegram.texts("1")).toEqual([]);
    mayCall = true;
    sender.notify();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
  });

  it("a paused sender sends nothing, and everything once it resumes", async () => {
    const sender = bench.makeSender();
    await sender.start();
    sender.pause();
    await bench.commitReplies("1", "a");
    sender.notify();
    expect(bench.telegram.sends).toBe(0);
    sender.resume();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a"]);
  });

  it("stopping waits for the call in flight and gives the rest back untouched", async () => {
    const slow = deferred();
    bench.telegram.onSend = async () => {
      await slow.promise;
      return null;
    };
    await bench.commitReplies("1", "a", "b");
    const sender = bench.makeSender();
    void sender.start();
    await expect.poll(() => sender.inFlight).toBe(1);
    const stopped = sender.stop();
    slow.resolve();
    await stopped;
    expect(sender.inFlight).toBe(0);
    expect(bench.telegram.texts("1")).toEqual(["a"]);
    expect(await states()).toEqual(["sent", "pending"]);
  });

  it("a dead key ends the sending; its reply stays to be read back by the next slot", async () => {
    bench.telegram.onSend = () => ({ fault: faults.dead, arrives: false });
    await bench.commitReplies("1", "a", "b");
    const sender = bench.makeSender();
    await sender.start();
    sender.notify();
    sender.resume();
    await sender.recover();
    expect(bench.telegram.sends).toBe(1);
    bench.telegram.onSend = () => null;
    await bench.makeSender().start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
  });

  it("a sender whose token has moved on sends nothing and says so (I6)", async () => {
    await bench.tokens.released(bench.grant);
    await bench.commitReplies("1", "a");
    let lost = 0;
    const sender = bench.makeSender({ onTokenLost: () => (lost += 1) });
    await sender.start();
    sender.notify();
    await sender.recover();
    expect([lost, bench.telegram.sends]).toEqual([1, 0]);
    expect(await states()).toEqual(["pending"]);
  });

  it("a database that is away delays what was sent being written down, and loses nothing", async () => {
    let failures = 4;
    const unreliable =
      <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
      (...args: Args): Promise<Result> => {
        failures -= 1;
        return failures > 0 && failures % 2 === 1
          ? Promise.reject(new Error("away"))
          : call(...args);
      };
    const { claim, settle } = bench.outbox;
    const store = { ...bench.outbox, claim: unreliable(claim), settle: unreliable(settle) };
    await bench.commitReplies("1", "a", "b");
    const sender = bench.makeSender({ store });
    await sender.start();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
    expect(bench.telegram.sends).toBe(2);
    expect(await repliesUnsent(bench.database)).toBe(0);
  });
});
