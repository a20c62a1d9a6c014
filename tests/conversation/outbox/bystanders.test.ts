import { describe, expect, it } from "vitest";
import { createWebhookChannel } from "../../../src/channels/webhook/deliver.ts";
import type { OutboxSenderOptions } from "../../../src/conversation/outbox/options.ts";
import { createOutboxSender } from "../../../src/conversation/outbox/sender.ts";
import type { Channel, Delivery } from "../../../src/ports/conversation/channel.ts";
import type { OutboxItem } from "../../../src/ports/conversation/outbox-store.ts";
import { createReplyTable, type ReplyTable } from "../../fixtures/reply-table.ts";
import { createTestClock, type TestClock } from "../../fixtures/test-clock.ts";

/** Lets everything happen that needs no time. */
async function settled(turns = 60): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((go) => setImmediate(go));
}

interface Scene {
  readonly table: ReplyTable;
  readonly clock: TestClock;
  readonly notes: string[];
  readonly floods: number[];
  readonly sender: ReturnType<typeof createOutboxSender>;
  /** Adds replies, and tells of them. */
  say(chatUser: string, count?: number): void;
  pass(ms: number): Promise<void>;
}

async function scene(
  channelOf: (clock: TestClock) => Channel,
  change: Partial<OutboxSenderOptions> = {},
): Promise<Scene> {
  const clock = createTestClock();
  const table = createReplyTable(clock);
  const [notes, floods]: [string[], number[]] = [[], []];
  const sender = createOutboxSender({
    account: "shop",
    replies: table.replies,
    channel: channelOf(clock),
    clock,
    events: { report: (event) => void (event.type === "note" && notes.push(event.code)) },
    onFlood: (seconds) => void floods.push(seconds),
    onTokenLost: () => {},
    onReply: () => {},
    ...change,
  });
  void sender.start();
  await settled();
  return {
    table,
    clock,
    notes,
    floods,
    sender,
    say(chatUser, count) {
      table.add(chatUser, count);
      sender.notify();
    },
    async pass(ms) {
      clock.advance(ms);
      await settled(12);
    },
  };
}

/** An endpoint that answers by the name of the number. */
const endpoint = (status: (to: string) => number) => () =>
  createWebhookChannel(
    { post: async ({ to }) => ({ status: status(to), retryAfterSeconds: null }) },
    "numbered",
  );

const sent: Delivery = { kind: "sent", messageId: 1, readBack: false };

const unsentOf = (table: ReplyTable, start: string) =>
  table.of(start).filter(({ state }) => state !== "sent").length;

const longestMs = (table: ReplyTable, start: string) =>
  Math.max(...table.of(start).map(({ addedMs, settledMs }) => (settledMs ?? Infinity) - addedMs));

/** A recipient takes so long; the answer comes by the test's clock. */
const taking =
  (msOf: (item: OutboxItem) => number, answer: (item: OutboxItem) => Delivery) =>
  (clock: TestClock): Channel => ({
    deliver: (item) =>
      new Promise((resolve) => void clock.schedule(msOf(item), () => resolve(answer(item)))),
  });

describe("replies to other people leave at once (I11)", () => {
  it("while a hundred replies wait for one number that the endpoint answers 500 for", async () => {
    const { table, say, pass } = await scene(endpoint((to) => (to === "bad" ? 500 : 200)));
    say("bad", 100);
    for (let second = 0; second < 600; second += 1) {
      say(`good-${second}`);
      await pass(1000);
    }
    expect(unsentOf(table, "good")).toBe(0);
    expect(longestMs(table, "good")).toBeLessThanOrEqual(1000);
  });

  it("while a hundred numbers have one undeliverable reply each", async () => {
    const { table, say, pass } = await scene(endpoint((to) => (to.startsWith("bad") ? 404 : 200)));
    for (let number = 0; number < 100; number += 1) say(`bad-${number}`);
    for (let second = 0; second < 600; second += 1) {
      say(`good-${second}`);
      await pass(1000);
    }
    expect(unsentOf(table, "good")).toBe(0);
    expect(longestMs(table, "good")).toBeLessThanOrEqual(1000);
  });

  it("while one number has thirty bad ones and ten people a second get theirs", async () => {
    const { table, say, pass } = await scene(endpoint((to) => (to === "bad" ? 500 : 200)));
    say("bad", 30);
    for (let second = 0; second < 120; second += 1) {
      for (let of = 0; of < 10; of += 1) say(`good-${second}-${of}`);
      await pass(1000);
    }
    expect(unsentOf(table, "good")).toBe(0);
  });

  it("while one chat has 400 waiting", async () => {
    const { table, say, pass } = await scene(
      taking(
        () => 100,
        () => sent,
      ),
    );
    say("chatty", 400);
    say("good");
    for (let step = 0; step < 10; step += 1) await pass(100);
    expect(longestMs(table, "good")).toBeLessThanOrEqual(200);
    expect(table.of("chatty").filter(({ state }) => state === "sending").length).toBeLessThan(20);
  });

  it("while a recipient does not answer for 10 s, again and again", async () => {
    const isDead = ({ chatUser }: OutboxItem) => chatUser === "dead";
    const unknown: Delivery = { kind: "unknown", code: "WEBHOOK_SILENT", message: "no answer" };
    const { table, say, pass } = await scene(
      taking(
        (item) => (isDead(item) ? 10_000 : 50),
        (item) => (isDead(item) ? unknown : sent),
      ),
    );
    say("dead");
    for (let step = 0; step < 2_400; step += 1) {
      if (step % 20 === 0) say(`good-${step}`);
      await pass(50);
    }
    expect(table.of("good")).toHaveLength(120);
    expect(longestMs(table, "good")).toBeLessThanOrEqual(150);
  }, 20_000);

  it("while a hundred recipients take 30 s each", async () => {
    const { table, say, pass } = await scene(
      taking(
        ({ chatUser }) => (chatUser.startsWith("slow") ? 30_000 : 50),
        () => sent,
      ),
    );
    for (let number = 0; number < 100; number += 1) say(`slow-${number}`);
    await pass(50);
    say("good");
    for (let step = 0; step < 60; step += 1) await pass(50);
    // Sixteen at a time are found to be slow, each wave in a quarter of a second.
    expect(longestMs(table, "good")).toBeLessThanOrEqual(2_000);
  });

  it("while one chat is told to wait, and the account is not paused for it", async () => {
    const told: Delivery = {
      kind: "held",
      scope: "account",
      waitSeconds: 20,
      reached: false,
      code: "FLOOD_WAIT",
      message: "wait",
    };
    let isOver = false;
    const { table, floods, say, pass } = await scene(() => ({
      deliver: async ({ chatUser }) => (chatUser === "hog" && !isOver ? told : sent),
    }));
    say("hog");
    await pass(1);
    say("good");
    await pass(1);
    expect(unsentOf(table, "good")).toBe(0);
    await pass(19_000);
    isOver = true;
    expect([unsentOf(table, "hog"), floods]).toEqual([1, []]);
    await pass(1_100);
    expect(unsentOf(table, "hog")).toBe(0);
  });
});

const heldFor = (code: string, waitSeconds: number | null = null): Delivery => ({
  kind: "held",
  scope: "account",
  waitSeconds,
  reached: false,
  code,
  message: "not now",
});

describe("trouble of the whole account", () => {
  it("is told where a second chat is told to wait before anything was sent", async () => {
    const { floods, table, say, pass } = await scene(() => ({
      deliver: async () => heldFor("FLOOD_WAIT", 20),
    }));
    for (const chat of ["a", "b", "c"]) say(chat);
    await pass(1);
    expect(floods).toEqual([20]);
    expect(table.rows.map(({ state }) => state)).not.toContain("failed");
  });

  it("fails no reply, and tries with one reply at a time whether it is over", async () => {
    let isFrozen = true;
    let calls = 0;
    const { notes, table, say, pass } = await scene(() => ({
      deliver: async () => {
        calls += 1;
        return isFrozen ? heldFor("FROZEN_METHOD_INVALID") : sent;
      },
    }));
    for (let chat = 0; chat < 40; chat += 1) say(`chat-${chat}`);
    await pass(1);
    const atFirst = calls;
    // Those that were under way, and one that took the place of the first.
    expect(atFirst).toBeLessThanOrEqual(17);
    expect(notes).toContain("REPLIES_HELD");
    for (let minute = 0; minute < 6; minute += 1) await pass(60_000);
    expect(calls - atFirst).toBeLessThanOrEqual(3);
    expect(table.rows.every(({ state }) => state !== "failed")).toBe(true);
    isFrozen = false;
    for (let minute = 0; minute < 60; minute += 1) await pass(60_000);
    expect(unsentOf(table, "chat")).toBe(0);
  });

  it("is not told by one chat that meets it again and again", async () => {
    const { floods, notes, table, say, pass } = await scene(() => ({
      deliver: async ({ chatUser }) => (chatUser === "odd" ? heldFor("PEER_FLOOD") : sent),
    }));
    say("odd", 3);
    for (let second = 0; second < 120; second += 1) {
      say(`good-${second}`);
      await pass(1000);
    }
    expect([floods, notes.includes("REPLIES_HELD"), unsentOf(table, "good")]).toEqual([
      [],
      false,
      0,
    ]);
  });
});

describe("a reply that fails for a day", () => {
  it("is given up, and the chat's next one is tried", async () => {
    const outcomes: string[] = [];
    const { table, notes, say, pass } = await scene(
      endpoint(() => 500),
      {
        onReply: (outcome) => void outcomes.push(outcome),
      },
    );
    say("bad", 2);
    for (let minute = 0; minute < 23 * 60; minute += 5) await pass(5 * 60_000);
    expect(outcomes).not.toContain("given-up");
    for (let minute = 0; minute < 90; minute += 5) await pass(5 * 60_000);
    expect(table.rows[0]).toMatchObject({ state: "failed", failure: "WEBHOOK_500" });
    expect(notes.filter((code) => code === "REPLY_GIVEN_UP").length).toBeGreaterThan(0);
  });
});
