import { expect, it } from "vitest";
import { createBacklog } from "../../../src/conversation/turns/backlog/backlog.ts";
import type { BacklogStore } from "../../../src/ports/conversation/backlog-store.ts";
import { itemText } from "../../../src/ports/conversation/item-text.ts";
import { textFrom } from "../../fixtures/conversation-bench.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Each user has one row. */
function storeOf(users: readonly { readonly account: string; readonly chatUser: string }[]) {
  const items = users.map(({ account, chatUser }) => ({ ...textFrom(chatUser, "x"), account }));
  const store: BacklogStore = {
    users: async () => items.map((item) => ({ ...item, items: 1, first: 5, last: 5 })),
    add: async () => true,
    read: async (_partition, of) =>
      of.map(({ key, after }) =>
        items
          .filter(({ chatUser }) => chatUser === key.chatUser && after.position < 5)
          .map((item) => ({ ...item, position: 5, text: itemText(item) })),
      ),
    remove: async () => {},
  };
  return store;
}

it("an account whose turns all rest takes no room in memory that another account's users need", async () => {
  const resting = ["1", "2", "3", "4", "5"].map((chatUser) => ({ account: "resting", chatUser }));
  const taken: string[] = [];
  const backlog = createBacklog({
    stream: { consume: async () => async () => {} },
    keep: async () => {},
    store: storeOf([...resting, { account: "well", chatUser: "9" }]),
    claim: { partition: 0, epoch: 1 },
    clock: createTestClock(),
    events: { report: () => {} },
    limits: { heldPerUserMax: 1, heldMax: 4 },
  });
  await backlog.consume({
    inFlightMax: 9,
    onDelivery: ({ item }) => void taken.push(item.chatUser),
  });
  await settled();
  expect(taken).toEqual(["1", "2", "3", "4", "9"]);
});
