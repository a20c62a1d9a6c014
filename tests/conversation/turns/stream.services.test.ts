import { afterEach, beforeEach, expect, it } from "vitest";
import { createSiteManagerBot } from "../../../src/bots/site-manager/site-manager-bot.ts";
import { type InboundBench, openInboundBench } from "../../fixtures/inbound-bench.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { makeBehindEngine } from "../../fixtures/backlog-bench.ts";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import type { InboundStream } from "../../../src/ports/conversation/inbound-stream.ts";
import { partitionOf } from "../../../src/ports/conversation/partitions.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { echo, textOf } from "../../fixtures/test-bots.ts";

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
  consume: ({ partition: _one, ...options }) => stream.consume(options),
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

it("messages of one user that come one by one hold nobody else up, however many", async () => {
  const inPartition = (user: string) => partitionOf(textFrom(user, ""));
  const [talker, ...rest] = Array.from({ length: 50 }, (_, n) => String(n + 1));
  const neighbour = rest.find((user) => inPartition(user) === inPartition(talker!))!;
  const done = deferred();
  const { stream } = await inbound.open();
  const bot: Bot = {
    name: "slow",
    async handle(turn) {
      if (textOf(turn.input) !== "hello") await done.promise;
      turn.reply("answered");
    },
  };
  const { engine } = await makeBehindEngine(bench, bot, { stream: ofAll(stream) });
  await bench.makeSender().start();
  await engine.start();
  for (let said = 0; said < 200; said += 1) await stream.append([textFrom(talker!, "and another")]);
  await stream.append([textFrom(neighbour, "hello")]);
  await expect
    .poll(() => bench.telegram.texts(neighbour), { timeout: 5_000 })
    .toEqual(["answered"]);
  expect(bench.telegram.texts(talker!)).toEqual([]);
  expect((await inbound.info("inbound")).messages).toBeLessThanOrEqual(8);
  done.resolve();
  await engine.stop();
});

it("an item that only a newer host knows waits in its user's place, and holds nobody else up (V13)", async () => {
  const { stream, nats } = await inbound.open();
  const item = { ...textFrom("1", "of a newer version"), kind: "edit" };
  const older = await makeBehindEngine(bench, echo, { stream: ofAll(stream) });
  await bench.makeSender().start();
  await older.engine.start();
  await stream.append([textFrom("1", "before")]);
  await expect.poll(() => bench.telegram.texts("1")).toEqual(["before"]);
  nats.publish(`${inbound.names.subjectPrefix}.${partitionOf(item)}`, JSON.stringify([item]));
  await stream.append([textFrom("1", "after"), textFrom("2", "hello")]);
  await expect.poll(() => bench.telegram.texts("2")).toEqual(["hello"]);
  await expect.poll(() => bench.notes).toContain("ITEM_NEWER");
  await expect.poll(async () => (await inbound.info("inbound")).messages).toBe(0);
  expect(bench.telegram.texts("1")).toEqual(["before"]);
  expect(inbound.kept).toEqual([]);
  await older.engine.stop();

  // As a host reads it that knows the kind.
  await bench.database.query(
    `update turn_backlog set item = jsonb_set(item::jsonb, '{kind}', '"text"') where inbound_id = $1`,
    [item.inboundId],
  );
  const newer = await makeBehindEngine(bench, echo, { stream: ofAll(stream) });
  await newer.engine.start();
  await expect
    .poll(() => bench.telegram.texts("1"))
    .toEqual(["before", "of a newer version", "after"]);
  await newer.engine.stop();
});
