import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  createInbox,
  type InboundBench,
  itemOf,
  openInboundBench,
  textsOf,
} from "../../fixtures/inbound-bench.ts";

let bench: InboundBench;
beforeEach(async () => {
  bench = await openInboundBench();
});
afterEach(() => bench.close());

const inFlightMax = 100;

it("what a version without partitions has left is taken over in order, once", async () => {
  const { names, nats } = bench;
  const manager = await jetstreamManager(nats);
  await manager.streams.add({ name: names.stream, subjects: [`${names.subjectPrefix}.>`] });
  for (const text of ["a", "b", "c"]) {
    await jetstream(nats).publish(
      `${names.subjectPrefix}.site-bot.1`,
      JSON.stringify(itemOf("1", text)),
    );
  }
  await manager.streams.deleteMessage(names.stream, 2);
  const { stream } = await bench.open();
  await bench.open();
  await stream.append([itemOf("1", "d")]);
  const inbox = createInbox();
  await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
  expect(textsOf(await inbox.atLeast(3))).toEqual(["a", "c", "d"]);
  for (const delivery of inbox.got) delivery.done();
  await expect(manager.streams.info(names.stream)).rejects.toThrow(/not found/);
});
