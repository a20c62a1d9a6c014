import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { tokenMachine, tokenRules } from "../../../machines/token.ts";
import { createConversationRecords } from "../../../src/adapters/postgres/conversation-records.ts";
import { createFleetHealthStore } from "../../../src/adapters/postgres/fleet-health.ts";
import { openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createIncarnationStore } from "../../../src/adapters/postgres/incarnation-store.ts";
import type { FleetHealthStore } from "../../../src/ports/fleet-health.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { createTestDatabase } from "../../fixtures/database.ts";
import { nothingStored } from "../../fixtures/fleet-figures.ts";
import { faults } from "../../fixtures/test-telegram.ts";

const rules = conversationRules(conversationMachine);

let bench: ConversationBench;
let store: FleetHealthStore;
beforeEach(async () => {
  bench = await openConversationBench("user");
  const records = createConversationRecords(bench.database, rules);
  store = createFleetHealthStore(bench.database, rules, records);
});
afterEach(() => bench.close());

const incarnations = () => createIncarnationStore(bench.database, tokenRules(tokenMachine));

const ageMs = (seconds: number) => ({
  asymmetricMatch: (value: unknown) =>
    Number(value) >= seconds * 1000 && Number(value) < seconds * 1000 + 60_000,
});

describe("the fleet's health in the database", () => {
  it("is all 0 where nothing has happened", async () => {
    expect(await store.read("all")).toEqual(nothingStored);
  });

  it("counts open sessions, those with a person, and those that began within a day", async () => {
    for (const chat of ["1", "2", "3", "4"]) await bench.commitReplies(chat, "hello");
    const { database } = bench;
    await database.query("update conversation_sessions set status = 'escalated' where id = 1");
    await database.query("update conversation_sessions set status = 'ended' where id = 2");
    await database.query(
      "update conversation_sessions set created_at = now() - interval '25 hours' where id = 3",
    );
    expect((await store.read("all")).sessions).toEqual({
      active: 2,
      escalated: 1,
      createdInDay: 3,
      duplicates: 0,
    });
    expect((await store.read(["another"])).sessions).toMatchObject({ active: 0, createdInDay: 0 });
    expect((await store.read([account])).sessions).toMatchObject({ active: 2, createdInDay: 3 });
  });

  it("counts users with several open sessions once the index is gone", async () => {
    const { database } = bench;
    await database.query("drop index conversation_sessions_one_open");
    await database.query(
      `insert into conversation_sessions (channel, account, chat_user)
       select 'telegram', $1, chat from unnest(array['1', '1', '1', '2']) chat`,
      [account],
    );
    expect((await store.read("all")).sessions.duplicates).toBe(1);
  });

  it("counts the replies that wait, whoever sends them, with the age of the oldest", async () => {
    await bench.commitReplies("1", "one", "two", "three");
    const { database } = bench;
    await database.query(
      "update outbox set partition = 3, created_at = now() - interval '10 minutes' where id = 2",
    );
    await database.query("update outbox set state = 'sending' where id = 3");
    const { replies } = await store.read("all");
    expect(replies).toEqual({ waiting: 3, oldestMs: ageMs(600), givenUp: 0 });
    expect((await store.read(["another"])).replies.waiting).toBe(0);
    // A reply that a person had sent again counts from then.
    await database.query("update outbox set resent_at = now() where id = 2");
    expect((await store.read("all")).replies.oldestMs).toEqual(ageMs(0));
  });

  it("counts replies that were given up, and no delivered ones", async () => {
    bench.telegram.onSend = () => ({ fault: faults.blocked, arrives: false });
    await bench.commitReplies("1", "refused");
    const sender = bench.makeSender();
    await sender.start();
    await bench.sent();
    bench.telegram.onSend = () => null;
    await bench.commitReplies("2", "delivered");
    await bench.sent();
    expect((await store.read("all")).replies).toEqual({ waiting: 0, oldestMs: null, givenUp: 1 });
  });

  it("counts messages that were set aside, and those of users who are behind", async () => {
    const claim = await bench.conversations.claimPartition(0, "bench");
    await bench.parked.park(textFrom("1", "a"), { code: "X", reason: "X: broken" }, claim);
    await bench.parked.keep({ source: "s", data: "?", item: null, reason: "X: unreadable" });
    await bench.database.query(
      `insert into turn_backlog (partition, channel, account, chat_user, position, inbound_id, item, moved_at)
       select 0, 'telegram', $1, '1', n, 'm:' || n, '{}', now() - n * interval '10 minutes'
       from generate_series(1, 2) n`,
      [account],
    );
    const health = await store.read("all");
    expect(health.setAside).toBe(1);
    expect(health.backlog).toEqual({ messages: 2, oldestMs: ageMs(1200) });
    expect(await store.read(["another"])).toMatchObject({ setAside: 0, backlog: { messages: 0 } });
  });

  it("counts the hosts that were revoked within the hour", async () => {
    for (const id of ["a", "b", "c"]) {
      await incarnations().register({ id, host: id, proof: {} });
      if (id !== "c") await incarnations().revoke(id);
    }
    await bench.database.query(
      "update incarnations set ended_at = now() - interval '61 minutes' where id = 'b'",
    );
    expect((await store.read("all")).takeovers).toBe(1);
  });
});

describe("a look at the fleet's health", () => {
  const delivered = 3_000;

  it("reads the replies that wait, and not all that were ever delivered", async () => {
    const test = await createTestDatabase();
    // One connection, whose counts these are.
    const database = openDatabase(test.url, { poolMax: 1 });
    try {
      await database.query(
        `insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id, partition, state)
         select 'telegram', 'a', 'u' || n, '{}', 0, 1, n, n, case when n % 2 = 0 then 1 end,
           case when n < 3 then 'pending' else 'sent' end
         from generate_series(1, ${delivered}) n`,
      );
      await database.query("analyze outbox");
      const records = createConversationRecords(database, rules);
      const health = await createFleetHealthStore(database, rules, records).read("all");
      expect(health.replies.waiting).toBe(2);
      await database.query("select pg_stat_force_next_flush()");
      await database.query("select 1");
      const [row] = await database.query<{ scans: number }>(
        "select seq_scan::int as scans from pg_stat_user_tables where relname = 'outbox'",
      );
      expect(row!.scans).toBe(0);
    } finally {
      await database.close();
      await test.drop();
    }
  });
});

describe("the hosts in the database", () => {
  it("are told with the accounts that they hold and the partitions whose turns they take", async () => {
    await bench.conversations.claimPartition(5, "bench");
    await bench.conversations.claimPartition(2, "bench");
    await incarnations().register({ id: "idle", host: "Idle", proof: {} });
    await incarnations().revoke("idle");
    const hosts = await store.hosts(["bench", "idle", "never heard of"]);
    expect(hosts.toSorted((a, b) => a.host.localeCompare(b.host))).toEqual([
      {
        incarnation: "bench",
        host: "bench",
        startedMs: expect.any(Number),
        endedForMs: null,
        accounts: 1,
        partitions: [2, 5],
      },
      {
        incarnation: "idle",
        host: "Idle",
        startedMs: expect.any(Number),
        endedForMs: ageMs(0),
        accounts: 0,
        partitions: [],
      },
    ]);
  });
});
