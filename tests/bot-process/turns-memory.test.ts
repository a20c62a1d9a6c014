import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { nodeSays, type TurnLine } from "../../src/adapters/bots/messages.ts";
import { createRunningTurns } from "../../src/bot-process/turns.ts";
import { emptySession, materialOf } from "../fixtures/turn-material.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;

const megabyte = 1024 * 1024;
const { id, decision, status, turns: count, lastSeq } = emptySession;
const { item } = materialOf("hi");

it("what a turn has read is gone with the next small collection once it has answered", () => {
  const turns = createRunningTurns({ name: "bot", handle: () => {} }, "/bots", {
    say: () => {},
    onAnswers: () => {},
    isQuiet: () => true,
  });
  let number = 0;
  function frame(): void {
    for (let at = 0; at < 50; at += 1) {
      number += 1;
      const head = [id, decision, status, count, lastSeq] as const;
      const line: TurnLine = [nodeSays.turn, number, item, null, "buttons", head];
      const said = Buffer.alloc(20_000, `${number} `).toString("latin1");
      turns.hear(line, ["null", "null", "null", said, ""]);
    }
    turns.takeAnswers();
  }
  for (let at = 0; at < 20; at += 1) frame();
  collect();
  const beforeBytes = process.memoryUsage().heapUsed;
  for (let at = 0; at < 100; at += 1) {
    frame();
    if (at % 4 === 0) collect({ type: "minor" });
  }
  collect({ type: "minor" });
  // 100 MB went through; the collection of old memory would find it all.
  expect((process.memoryUsage().heapUsed - beforeBytes) / megabyte).toBeLessThan(20);
});
