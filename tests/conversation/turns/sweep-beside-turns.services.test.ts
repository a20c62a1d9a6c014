import { afterEach, beforeEach, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createFleetHygiene } from "../../../src/adapters/postgres/hygiene-store.ts";
import { createSystemClock } from "../../../src/concurrency/system-clock.ts";
import { createHotConversations } from "../../../src/conversation/turns/session-cache.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { echo } from "../../fixtures/test-bots.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
afterEach(() => bench.close());

const rules = conversationRules(conversationMachine);

it("a session that a sweep has expired under a node that remembers it is followed by another", async () => {
  const store = createHotConversations(bench.conversations, createSystemClock(), rules);
  const engine = await bench.makeEngine(echo, { store });
  await engine.start();
  await bench.stream.append([textFrom("7", "first")]);
  await bench.stream.emptied();
  await bench.database.query(
    "update conversation_sessions set last_turn_at = now() - interval '25 hours'",
  );
  const swept = await createFleetHygiene(bench.database, rules).sweep({
    dryRun: false,
    keepCache: false,
  });
  expect(swept?.swept).toEqual([expect.objectContaining({ kind: "sessions", count: 1 })]);
  await bench.stream.append([textFrom("7", "second")]);
  await bench.stream.emptied();
  expect(
    await bench.database.query("select status, turns from conversation_sessions order by id"),
  ).toEqual([
    { status: "expired", turns: 1 },
    { status: "active", turns: 1 },
  ]);
  expect(await bench.repliesTo("7")).toHaveLength(2);
  expect(await bench.parked.count({ accounts: "all" })).toBe(0);
});
