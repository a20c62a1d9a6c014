import { afterAll, beforeAll, expect, it } from "vitest";
import type { InboundStream } from "../../../src/ports/conversation/inbound-stream.ts";
import {
  backlogRows,
  backlogStore,
  keepIn,
  makeBehindEngine,
} from "../../fixtures/backlog-bench.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { createLife, type Death, type Life } from "../../fixtures/mortal.ts";
import { echo } from "../../fixtures/test-bots.ts";

const words = ["one", "two", "three", "four", "five"];
const callsMax = 100;
const limits = { heldPerUserMax: 2, retryDelayMs: 1 };

let bench: ConversationBench;
beforeAll(async () => {
  bench = await openConversationBench("user");
});
afterAll(() => bench.close());

/** An engine whose every call of a store, and every word to the stream, may be the last. */
async function startMortal(life: Life): Promise<void> {
  const { conversations } = bench;
  const store = backlogStore(bench);
  const consume: InboundStream["consume"] = (options) =>
    bench.stream.consume({
      ...options,
      onDelivery: (delivery) =>
        options.onDelivery({
          ...delivery,
          done: () =>
            void life
              .mortal(async () => delivery.done())()
              .catch(() => undefined),
        }),
    });
  const { engine } = await makeBehindEngine(bench, echo, {
    stream: { consume },
    keep: life.mortal(keepIn(bench)),
    limits,
    store: {
      users: store.users,
      add: life.mortal(store.add),
      read: life.mortal(store.read),
      remove: life.mortal(store.remove),
    },
    turns: {
      store: { load: life.mortal(conversations.load), commit: life.mortal(conversations.commit) },
      // The dead set nothing aside.
      parked: { ...bench.parked, park: life.mortal(bench.parked.park) },
    },
  });
  await engine.start();
}

async function finished(): Promise<void> {
  await bench.stream.emptied();
  await expect.poll(() => backlogRows(bench), { timeout: 10_000, interval: 5 }).toEqual([]);
}

/** A user says everything, the process dies at the given call, and another takes over. */
async function crashAt(death: Omit<Death, "onDeath">, chatUser: string): Promise<Life> {
  const life = createLife({ ...death, onDeath: () => bench.stream.crash() });
  await bench.stream.append(words.map((word) => textFrom(chatUser, word)));
  await startMortal(life);
  await Promise.race([life.died, finished()]);
  if (life.dead) {
    const { engine } = await makeBehindEngine(bench, echo, { limits });
    await engine.start();
    await finished();
    await engine.stop();
  }
  return life;
}

it.each(["before", "after"] as const)(
  "what one user has in the backlog takes effect once and in order, killed just %s any step (I4, I5)",
  async (when) => {
    let atCall = 0;
    let survived = false;
    while (!survived && atCall < callsMax) {
      atCall += 1;
      const user = `${when}-${atCall}`;
      const life = await crashAt({ atCall, when }, user);
      expect(await bench.repliesTo(user), `killed ${when} call ${atCall}`).toEqual(words);
      survived = !life.dead;
    }
    // Every call of a whole run was the last one once: load, commit and done of each, and the backlog's own.
    expect(atCall).toBeGreaterThan(words.length * 3 + 2);
    expect(survived).toBe(true);
  },
  120_000,
);
