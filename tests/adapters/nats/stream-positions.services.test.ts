import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { streamOf } from "../../../src/adapters/nats/inbound-stream.ts";
import { partitionOf, partitions } from "../../../src/ports/conversation/partitions.ts";
import {
  createInbox,
  type InboundBench,
  itemOf,
  openInboundBench,
} from "../../fixtures/inbound-bench.ts";

let bench: InboundBench;
beforeEach(async () => {
  bench = await openInboundBench();
});
afterEach(() => bench.close());

const inFlightMax = 100;

describe("what the streams hold", () => {
  const of = partitionOf(itemOf("1", "a"));

  it("is told with the identity of each stream, and append says where it stored", async () => {
    const { stream } = await bench.open();
    const before = await stream.states();
    expect(before.map(({ partition }) => partition)).toEqual(partitions);
    expect(before[of]).toMatchObject({ settledSeq: 0, lastSeq: 0 });
    expect((await stream.append([itemOf("1", "a")]))[of]).toBe(1);
    expect((await stream.append([itemOf("1", "b")]))[of]).toBe(2);
    expect((await stream.states())[of]).toEqual({ ...before[of], settledSeq: 0, lastSeq: 2 });
  });

  it("counts as settled up to the first message that is not", async () => {
    const { stream } = await bench.open();
    for (const text of ["a", "b", "c"]) await stream.append([itemOf("1", text)]);
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const [a, b, c] = await inbox.atLeast(3);
    c!.done();
    a!.done();
    const settled = async () => (await stream.states())[of]!.settledSeq;
    await expect.poll(settled).toBe(1);
    b!.done();
    await expect.poll(settled).toBe(3);
  });

  it("is made anew where it has vanished, as another stream", async () => {
    const { stream } = await bench.open();
    const before = await stream.states();
    const manager = await jetstreamManager(bench.nats);
    await manager.streams.delete(streamOf(bench.names, of));
    const after = await stream.states();
    expect(after[of]!.created).not.toBe(before[of]!.created);
    expect(after.toSpliced(of, 1)).toEqual(before.toSpliced(of, 1));
  });
});
