import { describe, expect, it } from "vitest";
import { createOutboxSender } from "../../../src/conversation/outbox/sender.ts";
import type { Offer, ReplyTicket } from "../../../src/conversation/outbox/ticket.ts";
import type { ReplySource } from "../../../src/conversation/outbox/options.ts";
import type { Delivery } from "../../../src/ports/conversation/channel.ts";
import { type Deferred, deferred } from "../../fixtures/deferred.ts";
import { createReplyTable } from "../../fixtures/reply-table.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const chat = { channel: "webhook", account: "shop", chatUser: "1" } as const;

async function settled(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await new Promise((go) => setImmediate(go));
}

/** A sender whose statements take effect late, while one is withheld. */
function scene(
  deliver: (chatUser: string) => Delivery = () => ({
    kind: "sent",
    messageId: 1,
    readBack: false,
  }),
) {
  const clock = createTestClock();
  const table = createReplyTable(clock);
  const late = new Map<keyof ReplySource, Deferred<void>>();
  let offer: Offer<ReplyTicket> = () => null;
  const delivered: string[] = [];
  const world = { isAway: false };
  const { claim, recover, settle } = table.replies;
  const replies: ReplySource = {
    async claim(what) {
      await late.get("claim")?.promise;
      return claim(what);
    },
    recover,
    async settle(results) {
      await late.get("settle")?.promise;
      if (world.isAway) throw new Error("the database is away");
      await settle(results);
    },
  };
  const sender = createOutboxSender({
    account: "shop",
    replies,
    channel: {
      async deliver({ chatUser, body }) {
        const answer = deliver(chatUser);
        if (answer.kind === "sent") delivered.push(body);
        return answer;
      },
    },
    clock,
    events: { report: () => {} },
    leaveOffer(left) {
      offer = left;
      return () => {};
    },
    onFlood: () => {},
    onTokenLost: () => {},
    onReply: () => {},
    limits: { chatsMax: 1 },
  });
  return {
    world,
    table,
    sender,
    delivered,
    ticket: () => offer(chat),
    /** The next statement of this name takes effect when the answered function is called. */
    withhold(name: keyof ReplySource) {
      const made = deferred();
      late.set(name, made);
      return () => {
        late.delete(name);
        made.resolve(undefined);
      };
    },
    async pass(ms: number) {
      clock.advance(ms);
      await settled();
    },
  };
}

describe("a chat's replies stay in order (I4)", () => {
  it("where one is lost while a claim is under way that brings its chat's next one", async () => {
    const { table, sender, delivered, ticket, withhold, pass } = scene();
    await sender.start();
    const given = ticket();
    const goOn = withhold("claim");
    sender.notify();
    await pass(0);
    table.add("1");
    table.rows[0]!.state = "sending";
    given?.lose();
    table.add("1");
    goOn();
    await pass(0);
    expect(delivered).toEqual(["reply 1", "reply 2"]);
    expect(table.rows.map(({ attempts }) => attempts)).toEqual([1, 0]);
  });

  it("where one is lost while a claim waits until the outcomes of others are written", async () => {
    const { world, table, sender, delivered, ticket, pass } = scene();
    await sender.start();
    const given = ticket();
    world.isAway = true;
    table.add("other");
    sender.notify();
    await pass(0);
    sender.notify();
    await pass(0);
    table.add("1");
    table.rows[1]!.state = "sending";
    given?.lose();
    table.add("1");
    world.isAway = false;
    await pass(1_000);
    await pass(1_000);
    expect(delivered).toEqual(["reply 1", "reply 2", "reply 3"]);
  });

  it("where the account rests, and it takes longer to write down what was given back", async () => {
    let isWell = false;
    const held: Delivery = {
      kind: "held",
      scope: "account",
      waitSeconds: null,
      reached: false,
      code: "PEER_FLOOD",
      message: "not now",
    };
    const { table, sender, delivered, withhold, pass } = scene(() =>
      isWell ? { kind: "sent", messageId: 1, readBack: false } : held,
    );
    await sender.start();
    for (const user of ["a", "b", "c"]) table.add(user);
    const goOn = withhold("settle");
    sender.notify();
    await pass(0);
    isWell = true;
    table.add("c");
    await pass(60_000);
    goOn();
    await pass(0);
    for (let second = 0; second < 120; second += 1) await pass(1_000);
    expect(delivered.filter((body) => body === "reply 3" || body === "reply 4")).toEqual([
      "reply 3",
      "reply 4",
    ]);
    expect(delivered).toHaveLength(4);
  });
});
