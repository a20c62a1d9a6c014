import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HoldfastError } from "../../../src/errors.ts";
import type { ConversationStore } from "../../../src/ports/conversation/conversation-store.ts";
import type { OutboxItem, OutboxStore } from "../../../src/ports/conversation/outbox-store.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { echo } from "../../fixtures/test-bots.ts";
import { faults } from "../../fixtures/test-telegram.ts";

let bench: ConversationBench;
let store: ConversationStore;
beforeEach(async () => {
  bench = await openConversationBench("user");
  store = bench.conversations;
});
afterEach(() => bench.close());

/** Turns whose replies go to the sender past its own claims. */
async function serve(over: Partial<ConversationStore> = {}) {
  const engine = await bench.makeEngine(echo, {
    store: { ...store, ...over },
    desk: bench.desk,
  });
  await engine.start();
}

async function say(...words: readonly string[]): Promise<void> {
  for (const word of words) {
    await bench.stream.append([textFrom("1", word)]);
    await bench.stream.emptied();
  }
}

const inbox = { channel: "telegram", account, chatUser: "1" } as const;

const claims = () => bench.statements.filter((text) => text.includes("holder as")).length;
const states = async () =>
  (await bench.database.query<{ state: string }>("select state from outbox order by id")).map(
    ({ state }) => state,
  );

describe("replies that are handed to their sender", () => {
  it("leave without a claim of its own, in order and once", async () => {
    const sender = bench.makeSender();
    await sender.start();
    await serve();
    await say("a");
    await bench.sent();
    const before = claims();
    await say("b", "c", "d");
    await bench.sent();
    expect(claims()).toBe(before);
    expect(bench.telegram.texts("1")).toEqual(["a", "b", "c", "d"]);
    expect(await states()).toEqual(Array(4).fill("sent"));
  });

  it("are not taken while the sender rests, and are claimed when it goes on", async () => {
    const sender = bench.makeSender();
    expect(bench.desk.ask(inbox)).toBeNull();
    await sender.start();
    await serve();
    await say("a");
    await bench.sent();
    sender.pause();
    expect(bench.desk.ask(inbox)).toBeNull();
    await say("b");
    expect(await states()).toEqual(["sent", "pending"]);
    sender.resume();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b"]);
  });

  it("are offered at the desk from the sender's start to its stop, but not while it rests", async () => {
    let offers = 0;
    const leave = () => {
      offers += 1;
      return () => void (offers -= 1);
    };
    const sender = bench.makeSender({ desk: { leave } });
    const seen = [offers];
    await sender.start();
    seen.push(offers);
    sender.pause();
    seen.push(offers);
    sender.resume();
    sender.resume();
    seen.push(offers);
    await sender.stop();
    seen.push(offers);
    sender.resume();
    seen.push(offers);
    expect(seen).toEqual([0, 1, 0, 1, 0, 0]);
  });

  it("wait for older ones of their chat that a claim is just bringing", async () => {
    const answered = deferred();
    let held: readonly OutboxItem[] = [];
    const slow: OutboxStore = {
      ...bench.outbox,
      async claim(grant, what) {
        const claimed = await bench.outbox.claim(grant, what);
        if (claimed !== null && claimed.items.length > 0) {
          held = claimed.items;
          await answered.promise;
        }
        return claimed;
      },
    };
    const sender = bench.makeSender({ store: slow });
    await sender.start();
    await bench.commitReplies("1", "old");
    sender.notify();
    await expect.poll(() => held.length).toBe(1);
    await serve();
    await say("new");
    expect(await states()).toEqual(["sending", "sending"]);
    expect(bench.telegram.texts("1")).toEqual([]);
    answered.resolve();
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["old", "new"]);
  });

  it("are left to a sender that began anew and has found them itself meanwhile", async () => {
    const sender = bench.makeSender();
    await sender.start();
    await serve({
      async commit(turn, claim, grant) {
        const outcome = await store.commit(turn, claim, grant);
        if (turn.text === "b") await sender.recover();
        return outcome;
      },
    });
    await say("a", "b", "c");
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b", "c"]);
    expect(bench.telegram.sends).toBe(3);
  });

  it("are looked for when the commit's outcome was unknown for a while", async () => {
    const sender = bench.makeSender();
    await sender.start();
    let lost = 0;
    await serve({
      async commit(turn, claim, grant) {
        const outcome = await store.commit(turn, claim, grant);
        if (turn.text !== "b" || lost > 0) return outcome;
        lost += 1;
        throw new HoldfastError({ code: "LOST", message: "no answer", policy: "retryable" });
      },
    });
    await say("a", "b", "c");
    await bench.sent();
    expect([lost, bench.turnEndings]).toEqual([1, ["committed", "duplicate", "committed"]]);
    expect(bench.telegram.texts("1")).toEqual(["a", "b", "c"]);
  });

  it("that nobody holds are found when they are seen to be stranded, and not before", async () => {
    const sender = bench.makeSender();
    await sender.start();
    await bench.commitReplies("1", "a");
    await bench.database.query(
      "update outbox set state = 'sending', changed_at = now() - interval '59 seconds'",
    );
    expect(await bench.outbox.waitingAmong([account, "other"])).toEqual([]);
    await bench.database.query("update outbox set changed_at = now() - interval '61 seconds'");
    expect(await bench.outbox.waitingAmong([account, "other"])).toEqual([
      { account, stranded: true },
    ]);
    sender.notify(true);
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a"]);
  });

  it("follow one whose outcome is unknown, after it was read back", async () => {
    const sender = bench.makeSender();
    await sender.start();
    await serve();
    await say("a");
    await bench.sent();
    bench.telegram.onSend = ({ text }) => {
      bench.telegram.onSend = () => null;
      return text === "b" ? { fault: faults.lost, arrives: true } : null;
    };
    await say("b", "c");
    await bench.sent();
    expect(bench.telegram.texts("1")).toEqual(["a", "b", "c"]);
  });
});
