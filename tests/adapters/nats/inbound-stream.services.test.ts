import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { InboundDelivery } from "../../../src/ports/conversation/inbound-stream.ts";
import { streamOf } from "../../../src/adapters/nats/inbound-stream.ts";
import { partitionCount, partitionOf } from "../../../src/ports/conversation/partitions.ts";
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

describe("appending", () => {
  it("an item that is appended twice is delivered once, and items come in order", async () => {
    const { stream } = await bench.open();
    const items = ["a", "b", "c", "d"].map((text) => itemOf("1", text));
    await stream.append(items);
    await stream.append(items);
    await stream.append([itemOf("1", "e")]);
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const got = await inbox.atLeast(5);
    expect(textsOf(got)).toEqual(["a", "b", "c", "d", "e"]);
    expect(got[0]!.item).toEqual(items[0]);
    expect(got.map(({ position }) => position)).toEqual([1000, 1001, 1002, 1003, 2000]);
    for (const delivery of got) delivery.done();
    await expect.poll(async () => (await bench.info("inbound")).messages).toBe(0);
  });

  it("names that mean something else to NATS cannot leave their subject", async () => {
    const { stream } = await bench.open();
    const odd = [itemOf("a.b", "1", "c>"), itemOf("*", "2", ""), itemOf("ü\n ", "3")];
    await stream.append(odd);
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const got = await inbox.atLeast(3);
    expect(new Set(textsOf(got))).toEqual(new Set(["1", "2", "3"]));
    for (const delivery of got) delivery.done();
  });

  it("a full stream refuses what is new and keeps what is old", async () => {
    const { stream } = await bench.open({ messagesMax: 2 });
    for (const text of ["a", "b"]) await stream.append([itemOf("1", text)]);
    await expect(stream.append([itemOf("1", "c")])).rejects.toMatchObject({
      code: "INBOUND_FULL",
      policy: "retryable",
    });
    expect((await bench.info("inbound")).messages).toBe(2);
  });

  it("without an acknowledgement the caller is told to try again", async () => {
    const { stream, nats } = await bench.open({ publishTimeoutMs: 20 });
    await nats.close();
    await expect(stream.append([itemOf("1", "a")])).rejects.toMatchObject({
      code: "INBOUND_UNAVAILABLE",
      policy: "retryable",
    });
  });

  it("a server that refuses the streams is told of in one line", async () => {
    const { nats } = bench;
    await nats.close();
    await expect(
      bench.open({ names: { ...bench.names, stream: "bad name" } }),
    ).rejects.toMatchObject({ code: "INBOUND_UNAVAILABLE" });
  });
});

describe("consuming", () => {
  it("after a crash what was not settled comes first and at once, in order (I4, I5)", async () => {
    const first = await bench.open({ publishTimeoutMs: 100 });
    const crashed = createInbox();
    for (const text of ["a", "b", "c", "d"]) await first.stream.append([itemOf("1", text)]);
    await first.stream.consume({ inFlightMax: 3, onDelivery: crashed.onDelivery });
    const [a, b] = await crashed.atLeast(3);
    b!.done();
    await first.nats.close();

    const second = await bench.open();
    await second.stream.append([itemOf("1", "e")]);
    const inbox = createInbox();
    await second.stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    expect(textsOf(await inbox.atLeast(4))).toEqual(["a", "c", "d", "e"]);
    // Its consumer is gone; the successor settles it.
    a!.done();
    for (const delivery of inbox.got) delivery.done();
  });

  it("what is at work for longer than the wait is not delivered again", async () => {
    const { stream } = await bench.open({ ackWaitMs: 400 });
    await stream.append([itemOf("1", "slow")]);
    let reports = 0;
    const threeWaits = new Promise<void>((resolve) => {
      bench.nats.subscribe(`$JS.ACK.${streamOf(bench.names, partitionOf(itemOf("1", "slow")))}.>`, {
        callback: (_error, message) => {
          if (message.string() !== "+WPI") return;
          reports += 1;
          if (reports === 9) resolve();
        },
      });
    });
    await bench.nats.flush();
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const [slow] = await inbox.atLeast(1);
    await threeWaits;
    expect(textsOf(inbox.got)).toEqual(["slow"]);
    slow!.done();
  });

  it("what is given back comes again, in the same position", async () => {
    const { stream } = await bench.open();
    await stream.append([itemOf("1", "a")]);
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const [given] = await inbox.atLeast(1);
    given!.retry(0);
    const [, again] = await inbox.atLeast(2);
    expect(again!.position).toBe(given!.position);
    again!.done();
  });

  it("no more messages than the bound are unsettled at once", async () => {
    const { stream } = await bench.open();
    for (const text of ["a", "b", "c"]) await stream.append([itemOf("1", text)]);
    const inbox = createInbox();
    await stream.consume({ inFlightMax: 2, onDelivery: inbox.onDelivery });
    const [a] = await inbox.atLeast(2);
    await bench.nats.flush();
    expect(inbox.got).toHaveLength(2);
    a!.done();
    const got = await inbox.atLeast(3);
    for (const delivery of got.slice(1)) delivery.done();
  });

  it("items of one message are settled one by one, and come again together if one is given back", async () => {
    const { stream } = await bench.open();
    await stream.append(["a", "b", "c"].map((text) => itemOf("1", text)));
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const [a, b, c] = await inbox.atLeast(3);
    a!.done();
    b!.retry(0);
    expect((await bench.info("inbound")).messages).toBe(1);
    c!.done();
    const again = (await inbox.atLeast(6)).slice(3);
    expect(textsOf(again)).toEqual(["a", "b", "c"]);
    for (const delivery of again) delivery.done();
    await expect.poll(async () => (await bench.info("inbound")).messages).toBe(0);
  });

  it("what was set aside is delivered again as if it were new, once (V13)", async () => {
    const { stream } = await bench.open();
    const item = itemOf("1", "poison");
    await stream.append([item]);
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    (await inbox.atLeast(1))[0]!.done();
    await stream.appendAgain(item, "parked:1");
    await stream.appendAgain(item, "parked:1");
    await stream.append([itemOf("1", "next")]);
    const got = await inbox.atLeast(3);
    expect(textsOf(got)).toEqual(["poison", "poison", "next"]);
    expect(got.map(({ item: { replay } }) => replay)).toEqual([undefined, "parked:1", undefined]);
    for (const delivery of got.slice(1)) delivery.done();
  });

  it("what an earlier version has set aside is moved in order, once", async () => {
    const manager = await jetstreamManager(bench.nats);
    const { parkedStream } = bench.names;
    await manager.streams.add({ name: parkedStream, subjects: [parkedStream] });
    const why = headers();
    why.set("Holdfast-Reason", "UNEXPECTED: broken");
    const item = itemOf("1", "poison");
    await jetstream(bench.nats).publish(parkedStream, JSON.stringify(item), { headers: why });
    await jetstream(bench.nats).publish(parkedStream, "no item", { headers: why });
    await bench.open();
    await bench.open();
    expect(bench.kept).toEqual([
      {
        source: `${parkedStream}:1`,
        data: JSON.stringify(item),
        item,
        reason: "UNEXPECTED: broken",
      },
      { source: `${parkedStream}:2`, data: "no item", item: null, reason: "UNEXPECTED: broken" },
    ]);
    expect((await manager.streams.info(parkedStream)).state.messages).toBe(0);
  });

  it.each(["not json", "{}", JSON.stringify({ ...itemOf("1", "a"), peer: null })])(
    "a message that is no item is parked and the next one comes: %s",
    async (data) => {
      const { stream } = await bench.open();
      const subject = `${bench.names.subjectPrefix}.${partitionOf(itemOf("1", "good"))}`;
      await jetstream(bench.nats).publish(subject, data);
      await stream.append([itemOf("1", "good")]);
      const inbox = createInbox();
      const stop = await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
      const [good] = await inbox.atLeast(1);
      expect(good!.item.text).toBe("good");
      good!.done();
      await stop();
      expect(bench.kept).toMatchObject([{ data, item: null }]);
    },
  );

  it("one item that is none is parked alone, and the rest of its message goes on", async () => {
    const { stream } = await bench.open();
    const subject = `${bench.names.subjectPrefix}.${partitionOf(itemOf("1", ""))}`;
    const broken = { ...itemOf("1", "broken"), peer: null };
    const message = JSON.stringify([itemOf("1", "a"), broken, itemOf("1", "b")]);
    await jetstream(bench.nats).publish(subject, message);
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const got = await inbox.atLeast(2);
    expect(textsOf(got)).toEqual(["a", "b"]);
    for (const delivery of got) delivery.done();
    await expect.poll(async () => (await bench.info("inbound")).messages).toBe(0);
    expect(bench.kept.map(({ data }) => JSON.parse(data) as unknown)).toEqual([broken]);
  });

  it.each([
    ["kind", { kind: "edit" }],
    ["channel", { channel: "pigeon" }],
    ["version", { version: 2 }],
  ])("an item of a newer %s is given back for a host that knows it", async (_name, change) => {
    const { stream } = await bench.open();
    const item = itemOf("1", "newer");
    const subject = `${bench.names.subjectPrefix}.${partitionOf(item)}`;
    await jetstream(bench.nats).publish(subject, JSON.stringify([{ ...item, ...change }]));
    await stream.append([itemOf("1", "after")]);
    const inbox = createInbox();
    const stop = await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const [after] = await inbox.atLeast(1);
    expect(after!.item.text).toBe("after");
    after!.done();
    await stop();
    expect((await bench.info("inbound")).messages).toBe(1);
    expect(bench.kept).toEqual([]);
  });

  it("a message that comes again while its item is at work is not delivered twice, and is settled once", async () => {
    const { stream } = await bench.open();
    const inbox = createInbox();
    const stop = await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    await stream.append([itemOf("1", "at work")]);
    const [atWork] = await inbox.atLeast(1);
    const manager = await jetstreamManager(bench.nats);
    const name = streamOf(bench.names, partitionOf(itemOf("1", "")));
    for await (const consumer of manager.consumers.list(name)) {
      await manager.consumers.delete(name, consumer.name);
    }
    await stream.append([itemOf("1", "after")]);
    const got = await inbox.atLeast(2);
    expect(textsOf(got)).toEqual(["at work", "after"]);
    for (const delivery of [atWork!, got[1]!]) delivery.done();
    await stop();
    expect((await bench.info("inbound")).messages).toBe(0);
  });

  it("a consumer that somebody deleted is opened again", async () => {
    const { stream } = await bench.open();
    const inbox = createInbox();
    await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const manager = await jetstreamManager(bench.nats);
    const name = streamOf(bench.names, partitionOf(itemOf("1", "after")));
    for await (const consumer of manager.consumers.list(name)) {
      await manager.consumers.delete(name, consumer.name);
    }
    await stream.append([itemOf("1", "after")]);
    const [after] = await inbox.atLeast(1);
    expect(after!.item.text).toBe("after");
    after!.done();
  });

  it("stopping waits for what is unsettled, then nothing of the consumer is left", async () => {
    const { stream } = await bench.open();
    await stream.append([itemOf("1", "a")]);
    const inbox = createInbox();
    const stop = await stream.consume({ inFlightMax, onDelivery: inbox.onDelivery });
    const [a] = await inbox.atLeast(1);
    let stopped = false;
    const stopping = stop().then(() => (stopped = true));
    await stream.append([itemOf("1", "too late")]);
    expect([stopped, inbox.got.length]).toEqual([false, 1]);
    a!.done();
    await stopping;
    expect(await bench.info("inbound")).toEqual({ messages: 1, consumers: 0 });
  });
});

describe("partitions", () => {
  it("each consumer gets the chat users of its own, and a new one takes over only these", async () => {
    const { stream } = await bench.open();
    const users = Array.from({ length: 60 }, (_, n) => itemOf(`user-${n}`, `hello ${n}`));
    const [mine, others] = [partitionOf(users[0]!), (partitionOf(users[0]!) + 1) % partitionCount];
    const inboxes = [createInbox(), createInbox(), createInbox()] as const;
    await stream.consume({ partition: mine, inFlightMax, onDelivery: inboxes[0].onDelivery });
    await stream.consume({ partition: others, inFlightMax, onDelivery: inboxes[1].onDelivery });
    await stream.append(users);
    const of = (partition: number) => users.filter((user) => partitionOf(user) === partition);
    const usersOf = (got: readonly InboundDelivery[]) => got.map(({ item }) => item.chatUser);
    const expected = (partition: number) => of(partition).map(({ chatUser }) => chatUser);
    expect(usersOf(await inboxes[1].atLeast(of(others).length))).toEqual(expected(others));
    await inboxes[0].atLeast(of(mine).length);

    const { stream: another } = await bench.open();
    await another.consume({ partition: mine, inFlightMax, onDelivery: inboxes[2].onDelivery });
    expect(usersOf(await inboxes[2].atLeast(of(mine).length))).toEqual(expected(mine));
    expect((await bench.info("inbound")).consumers).toBe(2);
    for (const delivery of [...inboxes[1].got, ...inboxes[2].got]) delivery.done();
    const rest = new Set(users.map(partitionOf)).size - 2;
    // One message for each of the other partitions.
    await expect.poll(async () => (await bench.info("inbound")).messages).toBe(rest);
  });
});
