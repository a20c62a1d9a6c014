import { afterEach, describe, expect, it } from "vitest";
import type {
  InboundDelivery,
  InboundStream,
} from "../../src/ports/conversation/inbound-stream.ts";
import { partitionOf } from "../../src/ports/conversation/partitions.ts";
import type { StreamStates } from "../../src/ports/conversation/stream-state.ts";
import { createInbox, itemOf, textsOf } from "../fixtures/inbound-bench.ts";

/** The streams' server, and processes that are connected to it. */
export interface StreamScene {
  /** `end`: it dies with nothing said. */
  open(): Promise<{
    readonly stream: InboundStream & Pick<StreamStates, "states">;
    end(): Promise<void>;
  }>;
  /** Stores a text of somebody else's. */
  publish(partition: number, text: string): Promise<void>;
  /** All streams with all that they hold are gone. */
  loseAll(): Promise<void>;
  /** Messages that are not settled. */
  messages(): Promise<number>;
  /** Everything that was sent by now has arrived. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export type MakeStreamScene = (of: { readonly messagesMax?: number }) => Promise<StreamScene>;

const inFlightMax = 100;

/** What the engine needs of every stream behind it. All items are of one user, and so of one partition. */
export function specifyInboundStream(make: MakeStreamScene): void {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of undo.splice(0)) await close();
  });
  async function begin(of: Parameters<MakeStreamScene>[0] = {}) {
    const scene = await make(of);
    undo.push(scene.close);
    const { stream, end } = await scene.open();
    const append = async (...texts: readonly string[]) => {
      for (const text of texts) await stream.append([itemOf("1", text)]);
    };
    async function consume(
      by = stream,
      change: Partial<Parameters<InboundStream["consume"]>[0]> = {},
    ) {
      const inbox = createInbox();
      const partition = partitionOf(itemOf("1", ""));
      const stop = await by.consume({
        partition,
        inFlightMax,
        onDelivery: inbox.onDelivery,
        ...change,
      });
      return { ...inbox, stop };
    }
    return { ...scene, stream, end, append, consume };
  }
  const doneAll = (got: readonly InboundDelivery[]) => {
    for (const delivery of got) delivery.done();
  };

  describe("an inbound stream", () => {
    it("stores what is appended twice once, and delivers in order, with rising positions", async () => {
      const { stream, consume, messages } = await begin();
      const items = ["a", "b", "c"].map((text) => itemOf("1", text));
      const positions = await stream.append(items);
      expect(positions[partitionOf(items[0]!)]).toBe(1);
      expect(await stream.append(items)).toEqual(positions);
      await stream.append([itemOf("1", "d")]);
      const { atLeast } = await consume();
      const got = await atLeast(4);
      expect(textsOf(got)).toEqual(["a", "b", "c", "d"]);
      expect(got[0]!.item).toEqual(items[0]);
      expect(got.map(({ position }) => position)).toEqual([1000, 1001, 1002, 2000]);
      doneAll(got);
      await expect.poll(messages).toBe(0);
    });

    it("stores what is appended again among other items once more", async () => {
      const { stream, append, consume } = await begin();
      await append("a");
      await stream.append(["a", "b"].map((text) => itemOf("1", text)));
      const { atLeast } = await consume();
      const got = await atLeast(3);
      expect(textsOf(got)).toEqual(["a", "a", "b"]);
      doneAll(got);
    });

    it("delivers again what a person asks for, under its name, once", async () => {
      const { stream, append, consume } = await begin();
      const { atLeast } = await consume();
      await append("poison");
      (await atLeast(1))[0]!.done();
      for (let n = 0; n < 2; n += 1) await stream.appendAgain(itemOf("1", "poison"), "parked:1");
      await append("next");
      const got = await atLeast(3);
      expect(got.map(({ item: { text, replay } }) => [text, replay])).toEqual([
        ["poison", undefined],
        ["poison", "parked:1"],
        ["next", undefined],
      ]);
      doneAll(got.slice(1));
    });

    it("that is full refuses what is new and keeps what is old", async () => {
      const { append, messages } = await begin({ messagesMax: 2 });
      await append("a", "b");
      await expect(append("c")).rejects.toMatchObject({
        code: "INBOUND_FULL",
        policy: "retryable",
      });
      expect(await messages()).toBe(2);
    });

    it("gives a new consumer what an ended one had not settled, first and in order (I4, I5)", async () => {
      const { end, open, append, consume } = await begin();
      await append("a", "b", "c", "d");
      const first = await consume(undefined, { inFlightMax: 3 });
      const [a, b] = await first.atLeast(3);
      b!.done();
      await end();
      const { stream: another } = await open();
      await another.append([itemOf("1", "e")]);
      const second = await consume(another);
      expect(textsOf(await second.atLeast(4))).toEqual(["a", "c", "d", "e"]);
      // Its consumer is gone; the successor settles it.
      a!.done();
      doneAll(second.got);
    });

    it("gives an earlier consumer nothing more once a later one is there", async () => {
      const { open, append, consume, settled } = await begin();
      const first = await consume();
      const { stream: another } = await open();
      const second = await consume(another);
      await append("a");
      doneAll(await second.atLeast(1));
      await settled();
      expect(first.got).toEqual([]);
    });

    it("delivers again what is given back, in the same position", async () => {
      const { append, consume } = await begin();
      await append("a");
      const { atLeast } = await consume();
      const [given] = await atLeast(1);
      given!.retry(0);
      const [, again] = await atLeast(2);
      expect(again!.position).toBe(given!.position);
      again!.done();
    });

    it("has no more messages unsettled than the bound, those included that were given back for later", async () => {
      const { append, consume, settled } = await begin();
      await append("a", "b", "c", "d");
      const { atLeast, got } = await consume(undefined, { inFlightMax: 2 });
      const [a, b] = await atLeast(2);
      await settled();
      expect(textsOf(got)).toEqual(["a", "b"]);
      b!.retry(60_000);
      await settled();
      expect(textsOf(got)).toEqual(["a", "b"]);
      a!.done();
      expect(textsOf(await atLeast(3))).toEqual(["a", "b", "c"]);
      await settled();
      expect(got).toHaveLength(3);
      got[2]!.done();
      doneAll((await atLeast(4)).slice(3));
    });

    it("settles the items of one message one by one, and gives all again if one is given back", async () => {
      const { stream, consume, messages } = await begin();
      await stream.append(["a", "b", "c"].map((text) => itemOf("1", text)));
      const { atLeast } = await consume();
      const [a, b, c] = await atLeast(3);
      a!.done();
      b!.retry(0);
      expect(await messages()).toBe(1);
      c!.done();
      const again = (await atLeast(6)).slice(3);
      expect(textsOf(again)).toEqual(["a", "b", "c"]);
      doneAll(again);
      await expect.poll(messages).toBe(0);
    });

    it("tells what it cannot read apart, and the rest of that message goes on", async () => {
      const { append, publish, consume, messages } = await begin();
      const partition = partitionOf(itemOf("1", ""));
      const newer = { ...itemOf("1", "newer"), kind: "edit" };
      await publish(partition, "no json");
      await publish(partition, JSON.stringify([itemOf("1", "a"), { peer: null }, newer]));
      await append("b");
      const unread: { readonly of: unknown; done(): void }[] = [];
      const { atLeast } = await consume(undefined, { onUnread: (one) => void unread.push(one) });
      const got = await atLeast(2);
      expect(textsOf(got)).toEqual(["a", "b"]);
      expect(unread.map(({ of }) => of !== null)).toEqual([false, false, true]);
      doneAll(got);
      for (const one of unread) one.done();
      await expect.poll(messages).toBe(0);
    });

    it("waits for what is unsettled when its consumer stops, and delivers nothing new meanwhile", async () => {
      const { append, consume, settled, messages } = await begin();
      await append("a");
      const { atLeast, got, stop } = await consume();
      const [a] = await atLeast(1);
      let isStopped = false;
      const stopping = stop().then(() => (isStopped = true));
      await append("too late");
      await settled();
      expect([isStopped, got.length]).toEqual([false, 1]);
      a!.done();
      await stopping;
      await expect.poll(messages).toBe(1);
    });

    it("says how far all is settled, and is another one once it was lost", async () => {
      const { stream, append, consume, loseAll } = await begin();
      const of = partitionOf(itemOf("1", ""));
      const state = async () => (await stream.states())[of]!;
      const before = await state();
      expect(before).toMatchObject({ partition: of, settledSeq: 0, lastSeq: 0 });
      await append("a", "b", "c");
      const { atLeast } = await consume();
      const [a, b, c] = await atLeast(3);
      c!.done();
      a!.done();
      const settledSeq = async () => (await state()).settledSeq;
      await expect.poll(settledSeq).toBe(1);
      b!.done();
      await expect.poll(settledSeq).toBe(3);
      expect(await state()).toEqual({ ...before, settledSeq: 3, lastSeq: 3 });
      await loseAll();
      const after = await state();
      expect(after).toMatchObject({ settledSeq: 0, lastSeq: 0 });
      expect(after.created).not.toBe(before.created);
    });
  });
}
