import { expect, it } from "vitest";
import { createBacklog } from "../../../src/conversation/turns/backlog/backlog.ts";
import type { BacklogStore } from "../../../src/ports/conversation/backlog-store.ts";
import type { InboundDelivery } from "../../../src/ports/conversation/inbound-stream.ts";
import { itemText } from "../../../src/ports/conversation/item-text.ts";
import { textFrom } from "../../fixtures/conversation-bench.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** One user has one row. */
function storeOfOne(): BacklogStore {
  const { channel, account, chatUser, inboundId, ...item } = textFrom("1", "behind");
  const name = { channel, account, chatUser, inboundId };
  const row = { ...name, position: 5, text: itemText({ ...name, ...item }) };
  return {
    users: async () => [{ channel, account, chatUser, items: 1, first: 5, last: 5 }],
    add: async () => true,
    read: async (_partition, of) => of.map(({ after }) => (after.position < 5 ? [row] : [])),
    remove: async () => {},
  };
}

it("a backlog whose stream cannot be consumed gives back what it has handed on, once", async () => {
  const clock = createTestClock();
  const deliveries: InboundDelivery[] = [];
  const backlog = createBacklog({
    stream: {
      async consume() {
        await settled();
        throw new Error("no stream");
      },
    },
    keep: async () => {},
    store: storeOfOne(),
    claim: { partition: 0, epoch: 1 },
    clock,
    events: { report: () => {} },
  });
  const onDelivery = (delivery: InboundDelivery) => void deliveries.push(delivery);
  await expect(backlog.consume({ inFlightMax: 9, onDelivery })).rejects.toThrow("no stream");
  expect(deliveries.map(({ item }) => item.text)).toEqual(["behind"]);
  deliveries[0]!.retry(0);
  clock.advance(1000);
  expect(deliveries).toHaveLength(1);
});
