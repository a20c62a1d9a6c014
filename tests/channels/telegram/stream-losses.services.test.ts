import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { streamOf } from "../../../src/adapters/nats/inbound-stream.ts";
import { partitions } from "../../../src/ports/conversation/partitions.ts";
import {
  createInbox,
  type InboundBench,
  openInboundBench,
  textsOf,
} from "../../fixtures/inbound-bench.ts";
import { openTrail } from "../../fixtures/stream-trail.ts";

const patience = { timeout: 10_000 };
let inbound: InboundBench;
let trail: Awaited<ReturnType<typeof openTrail>>;

beforeEach(async () => {
  [inbound, trail] = await Promise.all([openInboundBench(), openTrail()]);
});
afterEach(async () => {
  await inbound.close();
  await trail.close();
});

const held = async () => (await inbound.info("inbound")).messages;

async function loseStreams(): Promise<void> {
  const manager = await jetstreamManager(inbound.nats);
  for (const partition of partitions) {
    await manager.streams.delete(streamOf(inbound.names, partition));
  }
}

describe("a NATS that has lost its streams (I5)", () => {
  it("costs a rewind at the next start: what had no turn is fetched again, and the gap is reported", async () => {
    const first = await trail.startNode(await inbound.open());
    for (const text of ["one", "two"]) first.push(text);
    await expect.poll(held, patience).toBe(2);
    await first.stop();
    await loseStreams();
    const second = await trail.startNode(await inbound.open());
    expect(await held()).toBeGreaterThan(0);
    expect(second.notes).toEqual(["INBOUND_LOST"]);
    expect(await trail.gaps()).toEqual([{ from: 0, to: 2, recovered: 2 }]);
    const inbox = createInbox();
    await second.stream.consume({ inFlightMax: 9, onDelivery: inbox.onDelivery });
    expect(textsOf(await inbox.atLeast(2))).toEqual(["one", "two"]);
    for (const delivery of inbox.got) delivery.done();
    await second.stop();
    const third = await trail.startNode(await inbound.open());
    expect(third.notes).toEqual([]);
    await third.stop();
  });

  it("is noticed by a node that goes on, when its connection is back, and its consumer goes on, too", async () => {
    const node = await trail.startNode(await inbound.open());
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
    const node = await trail.startNode(await inbound.open());
    const inbox = createInbox();
    await node.stream.consume({ inFlightMax: 9, onDelivery: inbox.onDelivery });
    node.push("one");
    (await inbox.atLeast(1))[0]!.done();
    await expect.poll(held, patience).toBe(0);
    await node.look();
    await node.look();
    expect(await trail.marks()).toEqual([{ pts: 1, next_pts: 1 }]);
    node.push("two");
    await inbox.atLeast(2);
    await loseStreams();
    node.pass15s();
    expect(textsOf(await inbox.atLeast(3))).toEqual(["one", "two", "two"]);
    await expect.poll(trail.gaps, patience).toEqual([{ from: 1, to: 2, recovered: 1 }]);
    for (const delivery of inbox.got) delivery.done();
    await node.stop();
  });
});
