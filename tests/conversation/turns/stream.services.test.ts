import { afterEach, beforeEach, expect, it } from "vitest";
import { createSiteManagerBot } from "../../../src/bots/site-manager/site-manager-bot.ts";
import { type InboundBench, openInboundBench } from "../../fixtures/inbound-bench.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import type { InboundStream } from "../../../src/ports/conversation/inbound-stream.ts";
import { partitionOf } from "../../../src/ports/conversation/partitions.ts";
import { deferred } from "../../fixtures/deferred.ts";

let bench: ConversationBench;
let inbound: InboundBench;
beforeEach(async () => {
  [bench, inbound] = await Promise.all([openConversationBench("user"), openInboundBench()]);
});
afterEach(async () => {
  await bench.close();
  await inbound.close();
});

/** One engine for the chat users of every partition. */
const ofAll = (stream: InboundStream): Pick<InboundStream, "consume"> => ({
  consume: ({ inFlightMax, onDelivery }) => stream.consume({ inFlightMax, onDelivery }),
});

it("a process that loses the broker in the middle is replaced, and each reply arrives once (I4, I5)", async () => {
  const users = Array.from({ length: 10 }, (_, index) => String(index + 1));
  const words = ["Bonjour", "View Sites", "Champigny"];
  const wanted = users.length * words.length;
  const bot = createSiteManagerBot();
  const someCommitted = deferred();
  const allCommitted = deferred();
  const onTurn = () => {
    const committed = bench.turnEndings.filter((ending) => ending === "committed").length;
    if (committed >= 7) someCommitted.resolve();
    if (committed === wanted) allCommitted.resolve();
  };
  const record = (ending: string) => {
    bench.turnEndings.push(ending);
    onTurn();
  };

  const first = await inbound.open({ publishTimeoutMs: 200 });
  const doomed = await bench.makeEngine(bot, {
    stream: ofAll(first.stream),
    onTurn: record,
    limits: { inFlightMax: 16, usersMax: 4, retryDelayMs: 1 },
  });
  await bench.makeSender().start();
  await doomed.start();
  await first.stream.append(
    words.flatMap((word) => users.map((chatUser) => textFrom(chatUser, word))),
  );
  await someCommitted.promise;
  await first.nats.close();

  const second = await inbound.open();
  const successor = await bench.makeEngine(bot, { stream: ofAll(second.stream), onTurn: record });
  await successor.start();
  await allCommitted.promise;
  await expect.poll(async () => (await inbound.info("inbound")).messages).toBe(0);
  await successor.stop();
  await bench.sent();
  for (const user of users) {
    expect(bench.telegram.texts(user).map((text) => text.split("\n")[0])).toEqual([
      "Bonjour! I am the site manager. What would you like to do?",
      "Here are your sites. Choose one to see its tasks.",
      "Tasks of Champigny:",
    ]);
  }
});

it("what one user has waiting behind a slow handler holds nobody else up", async () => {
  const inPartition = (user: string) => partitionOf(textFrom(user, ""));
  const [talker, ...rest] = Array.from({ length: 50 }, (_, n) => String(n + 1));
  const neighbour = rest.find((user) => inPartition(user) === inPartition(talker!))!;
  const done = deferred();
  const { stream } = await inbound.open();
  const engine = await bench.makeEngine(
    {
      name: "slow",
      async handle(turn) {
        if (turn.input.kind === "text" && turn.input.text !== "hello") await done.promise;
        turn.reply("answered");
      },
    },
    { stream: ofAll(stream) },
  );
  await bench.makeSender().start();
  await engine.start();
  await stream.append(Array.from({ length: 1_000 }, () => textFrom(talker!, "and another thing")));
  await stream.append([textFrom(neighbour, "hello")]);
  await expect.poll(() => bench.telegram.texts(neighbour)).toEqual(["answered"]);
  expect(bench.telegram.texts(talker!)).toEqual([]);
  done.resolve();
  await engine.stop();
});
