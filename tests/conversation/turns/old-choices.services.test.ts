import { afterEach, expect, it } from "vitest";
import { defineBot } from "../../../src/bot.ts";
import type { InboundItem } from "../../../src/ports/conversation/inbound-stream.ts";
import {
  type ConversationBench,
  openConversationBench,
  tapFrom,
  textFrom,
} from "../../fixtures/conversation-bench.ts";

let bench: ConversationBench;
afterEach(() => bench.close());

const shop = defineBot({
  name: "shop",
  commands: {
    start(turn) {
      const seqs = Array.from({ length: 12 }, (_, n) => turn.record("goods", [`good ${n}`]));
      const menu = seqs.map((toolOutputSeq, n) => ({
        label: `Good ${n}`,
        action: "buy",
        item: { toolOutputSeq, index: 0 },
      }));
      turn.reply("Welcome");
      turn.reply("Our goods", menu, { sticky: true });
    },
  },
  actions: { buy: (turn, item) => turn.reply(`bought ${String(item?.value)}`) },
  staleAction: (turn, reason) => turn.reply(reason),
  text: (turn, text) => turn.reply(text),
});

async function talk(kind: "bot" | "user") {
  bench = await openConversationBench(kind);
  const engine = await bench.makeEngine(shop);
  await engine.start();
  const send = async (...items: readonly InboundItem[]) => {
    await bench.stream.append(items);
    await bench.stream.emptied();
  };
  await send(textFrom("1", "/start"));
  for (let n = 0; n < 12; n += 1) await send(textFrom("1", `message ${n}`));
  const [session] = await bench.database.query<{ id: string }>(
    "select id::text from conversation_sessions",
  );
  return { send, sessionId: session!.id };
}
const newest = async (count: number) => (await bench.repliesTo("1")).slice(-count);

it("a button of an old message means what it meant, for one statement more", async () => {
  const { send, sessionId } = await talk("bot");
  bench.statements.length = 0;
  await send(tapFrom("1", 2, `h1:${sessionId}:3:0`));
  expect(bench.statements).toHaveLength(3);
  await send(tapFrom("1", 2, `h1:${sessionId}:3:11`));
  expect(await newest(2)).toEqual(["bought good 0", "bought good 11"]);
});

it("a button of an old message is stale where the session has offered no such choice", async () => {
  const { send, sessionId } = await talk("bot");
  for (const reference of ["3:12", "2:0", "1:0"]) {
    await send(tapFrom("1", 2, `h1:${sessionId}:${reference}`));
  }
  expect(await newest(3)).toEqual(Array(3).fill("CHOICE_UNKNOWN"));
});

it("a number answers a sticky menu of an old message, and a text asks for none", async () => {
  const { send } = await talk("user");
  await send(textFrom("1", "12"));
  bench.statements.length = 0;
  await send(textFrom("1", "twelve"));
  expect(bench.statements).toHaveLength(2);
  await send(textFrom("1", "13"));
  expect(await newest(3)).toEqual(["bought good 11", "twelve", "13"]);
});
