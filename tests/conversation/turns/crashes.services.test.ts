import { afterAll, beforeAll, expect, it } from "vitest";
import { createSiteManagerBot } from "../../../src/bots/site-manager/site-manager-bot.ts";
import type { InboundStream } from "../../../src/ports/conversation/inbound-stream.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { createLife, type Death, type Life } from "../../fixtures/mortal.ts";

const bot = createSiteManagerBot();
const words = ["Bonjour", "View Sites", "Champigny"];
const firstLines = [
  "Bonjour! I am the site manager. What would you like to do?",
  "Here are your sites. Choose one to see its tasks.",
  "Tasks of Champigny:",
];
const callsMax = 100;

let bench: ConversationBench;
beforeAll(async () => {
  bench = await openConversationBench("user");
});
afterAll(() => bench.close());

/** Engine and sender whose every port call may be the last. */
async function startMortal(life: Life): Promise<void> {
  const { conversations, outbox, stream, telegram } = bench;
  const consume: InboundStream["consume"] = ({ inFlightMax, onDelivery }) =>
    stream.consume({
      inFlightMax,
      onDelivery: (delivery) =>
        onDelivery({
          ...delivery,
          done: () =>
            void life
              .mortal(async () => delivery.done())()
              .catch(() => undefined),
        }),
    });
  const engine = await bench.makeEngine(bot, {
    stream: { consume },
    store: { load: life.mortal(conversations.load), commit: life.mortal(conversations.commit) },
    // The dead set nothing aside.
    parked: { ...bench.parked, park: life.mortal(bench.parked.park) },
  });
  const sender = bench.makeSender({
    store: {
      ...outbox,
      claim: life.mortal(outbox.claim),
      recover: life.mortal(outbox.recover),
      settle: life.mortal(outbox.settle),
      knownMessageIds: life.mortal(outbox.knownMessageIds),
    },
    client: {
      send: life.mortal(telegram.client.send),
      history: life.mortal(telegram.client.history),
      dialogs: life.mortal(telegram.client.dialogs),
    },
  });
  // A process that is dead before it consumes would take messages all the same.
  await engine.start();
  void sender.start();
}

const finished = () => bench.stream.emptied().then(() => bench.sent());

/** Two users say everything, the process dies at the given call, and another takes over. */
async function crashAt(death: Omit<Death, "onDeath">, users: readonly string[]): Promise<Life> {
  const life = createLife({ ...death, onDeath: () => bench.stream.crash() });
  await bench.stream.append(
    words.flatMap((word) => users.map((chatUser) => textFrom(chatUser, word))),
  );
  await startMortal(life);
  await Promise.race([life.died, finished()]);
  if (life.dead) {
    const [sender, engine] = [bench.makeSender(), await bench.makeEngine(bot)];
    await sender.start();
    await engine.start();
    await finished();
    await engine.stop();
    await sender.stop();
  }
  return life;
}

it.each(["before", "after"] as const)(
  "each reply is delivered exactly once and in order, killed just %s any step (I4, I5)",
  async (when) => {
    let atCall = 0;
    let survived = false;
    while (!survived && atCall < callsMax) {
      atCall += 1;
      const users = [`${when}-${atCall}-a`, `${when}-${atCall}-b`];
      const life = await crashAt({ atCall, when }, users);
      for (const user of users) {
        const shown = bench.telegram.texts(user).map((text) => text.split("\n")[0]);
        expect(shown, `killed ${when} call ${atCall}`).toEqual(firstLines);
      }
      survived = !life.dead;
    }
    // Every call of a whole run was the last one once: per message load, commit, done and send at least.
    expect(atCall).toBeGreaterThan(words.length * 2 * 4);
    expect(survived).toBe(true);
    const sessions = await bench.database.query(
      "select chat_user from conversation_sessions group by chat_user having count(*) > 1",
    );
    expect(sessions).toEqual([]);
  },
  60_000,
);
