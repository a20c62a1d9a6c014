import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { streamOf } from "../../../src/adapters/nats/inbound-stream.ts";
import { createCursorStore } from "../../../src/adapters/postgres/cursor-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createStreamLossStore } from "../../../src/adapters/postgres/stream-loss-store.ts";
import { createUpdateCursor } from "../../../src/channels/telegram/cursor.ts";
import { createStreamWatch } from "../../../src/conversation/turns/stream-watch.ts";
import { partitions } from "../../../src/ports/conversation/partitions.ts";
import type { AccountUpdate } from "../../../src/ports/telegram/telegram.ts";
import { counted, message } from "../../fixtures/cursor-bench.ts";
import { createTestDatabase } from "../../fixtures/database.ts";
import {
  createInbox,
  type InboundBench,
  openInboundBench,
  textsOf,
} from "../../fixtures/inbound-bench.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const patience = { timeout: 10_000 };
let inbound: InboundBench;
let database: Database;
let drop: () => Promise<void>;

beforeEach(async () => {
  const [bench, testDatabase] = await Promise.all([openInboundBench(), createTestDatabase()]);
  inbound = bench;
  drop = testDatabase.drop;
  database = openDatabase(testDatabase.url);
  await database.query(
    `with i as (insert into incarnations (id, host, proof) values ('i', 'h', '{}')),
     a as (insert into accounts (name, kind, serving_slot, credentials) values ('ada', 'user', 1, '')),
     u as (insert into authorisations (account, slot, state) values ('ada', 1, 'SERVING'))
     insert into tokens (account, slot, epoch, state, incarnation)
     values ('ada', 1, 1, 'connected', 'i')`,
  );
});
afterEach(async () => {
  await inbound.close();
  await database.close();
  await drop();
});

/** What Telegram has for the account: message `n` has pts `n`. */
const mailbox: AccountUpdate[] = [];
beforeEach(() => void mailbox.splice(0));
const stateOf = () => ({ pts: mailbox.length, qts: 0, date: 100, seq: 1 });

/** A node: its connection to NATS, its watch, and the cursor of its account. */
async function startNode() {
  const { nats, stream } = await inbound.open();
  const notes: string[] = [];
  const clock = createTestClock();
  const watch = createStreamWatch({
    streams: stream,
    store: createStreamLossStore(database),
    incarnation: "i",
    clock,
    onLost: () => {},
    onFault: (error) => void notes.push(String(error)),
  });
  await watch.start();
  const cursor = createUpdateCursor({
    grant: { account: "ada", slot: 1, epoch: 1 },
    client: {
      cursor: async () => stateOf(),
      difference: async ({ pts }) => ({
        kind: "last",
        updates: mailbox.slice(pts),
        cursor: stateOf(),
      }),
      dialogs: async () => [],
      history: async () => [],
      answerTap: async () => {},
    },
    store: createCursorStore(database),
    stream,
    losses: watch,
    isFleets: () => false,
    onUnheard: () => undefined,
    clock,
    events: { report: (event) => void (event.type === "note" && notes.push(event.code)) },
    onTokenLost: () => {},
  });
  await cursor.start();
  return {
    nats,
    stream,
    cursor,
    notes,
    watch,
    pass15s: () => clock.advance(15_000),
    /** Passes the time until the watch has looked again. */
    look: async () => {
      const before = await marks();
      clock.advance(15_000);
      await expect.poll(marks, patience).not.toEqual(before);
    },
    push(text: string) {
      mailbox.push(message(mailbox.length + 1, { text }));
      cursor.onUpdates([counted(mailbox.length, mailbox.at(-1)!)]);
    },
    async stop() {
      await cursor.stop();
      await watch.stop();
    },
  };
}

const marks = () => database.query("select pts, next_pts from cursor_marks");
const held = async () => (await inbound.info("inbound")).messages;

async function loseStreams(): Promise<void> {
  const manager = await jetstreamManager(inbound.nats);
  for (const partition of partitions) {
    await manager.streams.delete(streamOf(inbound.names, partition));
  }
}

const gaps = () =>
  database.query(`select from_pts as "from", to_pts as "to", recovered from update_gaps`);

describe("a NATS that has lost its streams (I5)", () => {
  it("costs a rewind at the next start: what had no turn is fetched again, and the gap is reported", async () => {
    const first = await startNode();
    for (const text of ["one", "two"]) first.push(text);
    await expect.poll(held, patience).toBe(2);
    await first.stop();
    await loseStreams();
    const second = await startNode();
    expect(await held()).toBeGreaterThan(0);
    expect(second.notes).toEqual(["INBOUND_LOST"]);
    expect(await gaps()).toEqual([{ from: 0, to: 2, recovered: 2 }]);
    const inbox = createInbox();
    await second.stream.consume({ inFlightMax: 9, onDelivery: inbox.onDelivery });
    expect(textsOf(await inbox.atLeast(2))).toEqual(["one", "two"]);
    for (const delivery of inbox.got) delivery.done();
    await second.stop();
    const third = await startNode();
    expect(third.notes).toEqual([]);
    await third.stop();
  });

  it("is noticed by a node that goes on, when its connection is back, and its consumer goes on, too", async () => {
    const node = await startNode();
    const inbox = createInbox();
    await node.stream.consume({ inFlightMax: 9, onDelivery: inbox.onDelivery });
    node.push("one");
    await inbox.atLeast(1);
    await loseStreams();
    await node.nats.reconnect();
    const [, again] = await inbox.atLeast(2);
    expect(again!.item.text).toBe("one");
    expect(node.notes).toEqual(["INBOUND_LOST"]);
    node.push("two");
    expect(textsOf(await inbox.atLeast(3))).toEqual(["one", "one", "two"]);
    for (const delivery of inbox.got) delivery.done();
    await node.stop();
  });

  it("costs nothing of what had its turn before", async () => {
    const node = await startNode();
    const inbox = createInbox();
    await node.stream.consume({ inFlightMax: 9, onDelivery: inbox.onDelivery });
    node.push("one");
    (await inbox.atLeast(1))[0]!.done();
    await expect.poll(held, patience).toBe(0);
    await node.look();
    await node.look();
    expect(await marks()).toEqual([{ pts: 1, next_pts: 1 }]);
    node.push("two");
    await inbox.atLeast(2);
    await loseStreams();
    node.pass15s();
    expect(textsOf(await inbox.atLeast(3))).toEqual(["one", "two", "two"]);
    await expect.poll(gaps, patience).toEqual([{ from: 1, to: 2, recovered: 1 }]);
    for (const delivery of inbox.got) delivery.done();
    await node.stop();
  });
});
