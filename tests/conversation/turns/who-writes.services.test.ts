import { afterEach, beforeEach, expect, it } from "vitest";
import { defineBot } from "../../../src/bot.ts";
import { itemText, readItem } from "../../../src/ports/conversation/item-text.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
afterEach(() => bench.close());

const written = {
  from: { name: "Ada Byron", username: "ada", language: "fr" },
  writtenAtMs: Date.parse("2026-11-28T12:00:00.000Z"),
};
const shown = JSON.stringify([{ id: "1", ...written.from }, "2026-11-28T12:00:00.000Z"]);

const shows = defineBot({
  name: "shows",
  text(turn, text) {
    turn.log.info(text, { date: turn.date });
    if (text === "fail") throw new Error("not yet");
    turn.reply(JSON.stringify([turn.from, turn.date]));
  },
});

it("a turn knows who writes and when, and an item of an earlier version tells the id alone", async () => {
  const engine = await bench.makeEngine(shows);
  await engine.start();
  await bench.stream.append([{ ...textFrom("1", "now"), ...written }, textFrom("2", "before")]);
  await bench.stream.emptied();
  expect(await bench.repliesTo("1")).toEqual([shown]);
  const nothing = { id: "2", name: null, username: null, language: null };
  expect(await bench.repliesTo("2")).toEqual([JSON.stringify([nothing, null])]);
});

it("a message that was set aside tells it again when it is taken again", async () => {
  const engine = await bench.makeEngine(shows);
  await engine.start();
  const item = { ...textFrom("1", "fail"), ...written };
  await bench.stream.append([item]);
  await bench.stream.emptied();
  const [parked] = await bench.parked.replayable({ accounts: "all", limit: 1 });
  expect(parked!.item).toEqual(item);
  expect(readItem(itemText(parked!.item))).toEqual({ kind: "item", item });
});

it("an item whose writer is out of bounds is malformed", () => {
  const item = textFrom("1", "hi");
  for (const from of ["ada", { name: 7 }, { username: "a".repeat(500) }])
    expect(readItem(JSON.stringify({ ...item, from })).kind).toBe("malformed");
});

it("lines of a bot come with its name, its account and its turn", async () => {
  const lines: unknown[] = [];
  const onBotLog = (...line: readonly unknown[]) => void lines.push(line);
  const engine = await bench.makeEngine(shows, { onBotLog });
  await engine.start();
  const item = { ...textFrom("1", "now"), ...written };
  await bench.stream.append([item]);
  await bench.stream.emptied();
  const turnId = `telegram:site-bot:${item.inboundId}`;
  expect(lines).toEqual([
    [
      { bot: "shows", account: "site-bot", turnId },
      { level: "info", message: "now", fields: { date: "2026-11-28T12:00:00.000Z" } },
    ],
  ]);
});
