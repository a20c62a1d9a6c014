import { afterEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../machines/conversation.ts";
import { type ConversationRules, conversationRules } from "../../machines/conversation-rules.ts";
import { createConversationRecords } from "../../src/adapters/postgres/conversation-records.ts";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import { createConversationCommands } from "../../src/commands/conversation-verbs.ts";
import { createParkedReplay } from "../../src/conversation/turns/parked-replay.ts";
import { createHotConversations } from "../../src/conversation/turns/session-cache.ts";
import { createRehearsal } from "../../src/conversation/rehearsal/rehearsal.ts";
import type { Bot } from "../../src/ports/conversation/bot.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../fixtures/conversation-bench.ts";
import { owner } from "../fixtures/speakers.ts";
import { textOf } from "../fixtures/test-bots.ts";
import { changedRules } from "../fixtures/models/changed-conversation.ts";

let bench: ConversationBench;
afterEach(() => bench.close());

/** Gives the session to a person at "help", ends it at "bye", and answers every message that it is asked. */
const clerk: Bot = {
  name: "clerk",
  handle(turn) {
    const text = textOf(turn.input);
    turn.reply(`re: ${text}`);
    if (text === "help") turn.escalate();
    if (text === "bye") turn.end();
  },
};

interface Told {
  /**
   * The user's messages, one after the other; `--back` gives the newest session back to the bot.
   */
  readonly says: readonly string[];
  /** A session without a turn for this long has expired; milliseconds. */
  readonly inactiveAfterMs?: number;
}

const dayMs = 86_400_000;

/** A node's turns over PostgreSQL, with its session cache, under these rules. */
async function tell(rules: ConversationRules, { says, inactiveAfterMs = dayMs }: Told) {
  bench = await openConversationBench("bot", { rules });
  const { database, conversations, stream } = bench;
  const store = createHotConversations(conversations, createSystemClock(), rules);
  const engine = await bench.makeEngine(clerk, { store, inactiveAfterMs });
  await engine.start();
  const commands = createConversationCommands({
    escalations: { list: async () => [] },
    records: createConversationRecords(database, rules),
    store: conversations,
    parked: { list: async () => [] },
    replays: createParkedReplay({ parked: bench.parked, stream }),
  });
  for (const said of says) {
    if (said === "--back") {
      const [newest] = await database.query<{ id: string }>(
        "select id::text from conversation_sessions order by id desc limit 1",
      );
      await commands["park"]?.({ session: newest?.id, back: true }, owner);
    } else {
      await stream.append([textFrom("1", said)]);
      await stream.emptied();
    }
  }
  const sessions = await database.query<{ status: string; turns: number; over: boolean }>(
    `select status, turns, ended_at is not null as over from conversation_sessions order by id`,
  );
  return {
    decisions: bench.decisions.map((code) => code.replace("SESSION_", "")),
    replies: (await bench.repliesTo("1")).map((body) => body.replace("re: ", "")),
    sessions: sessions.map(({ status, turns, over }) => `${status} ${turns}${over ? " over" : ""}`),
  };
}

const asItIs = conversationRules(conversationMachine);
const created = (why: string) => ({ type: "sessionCreated", params: { why } });

describe("a node follows the conversation machine, as it is and as a copy is changed", () => {
  it.each<[string, ConversationRules, readonly string[], readonly string[], readonly string[]]>([
    ["as it is", asItIs, ["CREATED_FIRST_CONTACT", "WITH_HUMAN"], ["help"], ["escalated 2"]],
    [
      "the bot answers beside a person",
      changedRules("escalated", "inbound", { actions: "sessionReused" }),
      ["CREATED_FIRST_CONTACT", "REUSED"],
      ["help", "hello"],
      ["escalated 2"],
    ],
    [
      "to escalate is to end",
      changedRules("active", "escalate", { target: "ended" }),
      ["CREATED_FIRST_CONTACT", "CREATED_AFTER_END"],
      ["help", "hello"],
      ["ended 1 over", "active 1"],
    ],
    [
      "a bot may not escalate",
      changedRules("active", "escalate", undefined),
      ["CREATED_FIRST_CONTACT", "REUSED"],
      ["help", "hello"],
      ["active 2"],
    ],
  ])("after a bot's escalate(): %s", async (_, rules, decisions, replies, sessions) => {
    const told = await tell(rules, { says: ["help", "hello"] });
    expect(told).toEqual({ decisions, replies, sessions });
  });

  it.each<[string, ConversationRules, readonly string[], readonly string[]]>([
    [
      "as it is",
      asItIs,
      ["CREATED_FIRST_CONTACT", "CREATED_AFTER_EXPIRY", "WITH_HUMAN"],
      ["expired 1 over", "escalated 2"],
    ],
    [
      "no session expires",
      changedRules("active", "inactive", undefined),
      ["CREATED_FIRST_CONTACT", "REUSED", "WITH_HUMAN"],
      ["escalated 3"],
    ],
    [
      "the first session is a person's",
      changedRules("absent", "inbound", { target: "escalated", actions: created("first-contact") }),
      ["CREATED_FIRST_CONTACT", "WITH_HUMAN", "WITH_HUMAN"],
      ["escalated 3"],
    ],
    [
      "a person's session expires too",
      changedRules("escalated", "inactive", { target: "expired" }),
      ["CREATED_FIRST_CONTACT", "CREATED_AFTER_EXPIRY", "CREATED_AFTER_EXPIRY"],
      ["expired 1 over", "expired 1 over", "active 1"],
    ],
    [
      "a person's session has ended by then",
      changedRules("escalated", "inactive", { target: "ended" }),
      ["CREATED_FIRST_CONTACT", "CREATED_AFTER_EXPIRY", "CREATED_AFTER_END"],
      ["expired 1 over", "ended 1 over", "active 1"],
    ],
  ])("after a rest: %s", async (_, rules, decisions, sessions) => {
    const told = await tell(rules, { says: ["hello", "help", "hello"], inactiveAfterMs: 0 });
    expect(told).toMatchObject({ decisions, sessions });
  });

  it.each<[string, ConversationRules, readonly string[], readonly string[]]>([
    [
      "as it is",
      asItIs,
      ["CREATED_FIRST_CONTACT", "CREATED_AFTER_END", "REUSED"],
      ["ended 1 over", "active 2"],
    ],
    [
      "who returns gets a person",
      changedRules("ended", "inbound", { target: "escalated", actions: created("after-end") }),
      ["CREATED_FIRST_CONTACT", "CREATED_AFTER_END", "WITH_HUMAN"],
      ["ended 1 over", "escalated 2"],
    ],
    [
      "who returns is taken for new",
      changedRules("ended", "inbound", { target: "active", actions: created("first-contact") }),
      ["CREATED_FIRST_CONTACT", "CREATED_FIRST_CONTACT", "REUSED"],
      ["ended 1 over", "active 2"],
    ],
    [
      "one message makes a session",
      changedRules("active", "inbound", { target: "ended", actions: "sessionReused" }),
      ["CREATED_FIRST_CONTACT", "CREATED_AFTER_END", "REUSED"],
      ["ended 1 over", "ended 2 over"],
    ],
  ])("after a bot's end(): %s", async (_, rules, decisions, sessions) => {
    const told = await tell(rules, { says: ["bye", "hello", "hello"] });
    expect(told).toMatchObject({ decisions, sessions });
  });

  it.each<[string, ConversationRules, readonly string[], readonly string[]]>([
    ["as it is", asItIs, ["CREATED_FIRST_CONTACT", "RETURNED"], ["active 2"]],
    [
      "it is not told",
      changedRules("escalated", "resolve", { target: "active" }),
      ["CREATED_FIRST_CONTACT", "REUSED"],
      ["active 2"],
    ],
    [
      "the session is over",
      changedRules("escalated", "resolve", { target: "ended" }),
      ["CREATED_FIRST_CONTACT", "CREATED_AFTER_END"],
      ["ended 1 over", "active 1"],
    ],
  ])("after a person gave it back: %s", async (_, rules, decisions, sessions) => {
    const told = await tell(rules, { says: ["help", "--back", "hello"] });
    expect(told).toMatchObject({ decisions, sessions });
  });

  it.each([
    ["as it is", asItIs],
    ["to escalate is to end", changedRules("active", "escalate", { target: "ended" })],
    [
      "who returns gets a person",
      changedRules("ended", "inbound", { target: "escalated", actions: created("after-end") }),
    ],
  ])("and a rehearsal does the same: %s", async (_, rules) => {
    const says = ["hello", "bye", "hello", "help", "hello"];
    const told = await tell(rules, { says });
    const rehearsal = createRehearsal(clerk, { rules });
    const decisions: string[] = [];
    const replies: string[] = [];
    for (const [index, text] of says.entries()) {
      decisions.push(rehearsal.session.decision.replace("SESSION_", ""));
      const taken = await rehearsal.take({ inboundId: `m:${index}`, kind: "text", text });
      replies.push(...taken.replies.map(({ body }) => body.replace("re: ", "")));
    }
    expect({ decisions, replies }).toEqual({ decisions: told.decisions, replies: told.replies });
  });
});

describe("the schema", () => {
  it("[I3] knows the statuses of the machine, and lets one session of each user have an open one", async () => {
    bench = await openConversationBench();
    const quoted = (text: string) =>
      new Set([...text.matchAll(/'([a-z]+)'/g)].map(([, name]) => name));
    const [schema] = await bench.database.query<{ index: string; check: string; fallback: string }>(
      `select pg_get_expr(i.indpred, i.indrelid) as index, pg_get_constraintdef(c.oid) as check,
         pg_get_expr(d.adbin, d.adrelid) as fallback
       from pg_index i join pg_constraint c on c.conrelid = i.indrelid and c.contype = 'c'
       join pg_attribute a on a.attrelid = i.indrelid and a.attname = 'status'
       join pg_attrdef d on d.adrelid = i.indrelid and d.adnum = a.attnum
       where i.indexrelid = 'conversation_sessions_one_open'::regclass and i.indisunique`,
    );
    const statuses = Object.keys(asItIs.inbound).filter((state) => state !== "absent");
    expect(quoted(schema!.index)).toEqual(new Set(asItIs.open));
    expect(quoted(schema!.check)).toEqual(new Set(statuses));
    expect(quoted(schema!.fallback)).toEqual(new Set(["active"]));
  });
});
