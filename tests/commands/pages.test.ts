import { describe, expect, it } from "vitest";
import { createConversationCommands } from "../../src/commands/conversation-verbs.ts";
import type { AccountStatus } from "../../src/commands/account-status.ts";
import { firstThatFit } from "../../src/commands/pages.ts";
import { statusPage } from "../../src/commands/status-page.ts";
import type { TurnHistory } from "../../src/ports/conversation/conversation-records.ts";
import { owner } from "../fixtures/speakers.ts";

const turn = (seq: number): TurnHistory => ({
  seq,
  inboundId: `m:${seq}`,
  asked: "x".repeat(4_096),
  media: [],
  replies: Array.from({ length: 20 }, () => ({ body: "é".repeat(4_096), menu: null })),
  toolOutputs: [],
  at: "2026-01-01T00:00:00.000Z",
});

const session = {
  id: "7",
  channel: "telegram",
  account: "desk",
  chatUser: "1",
  status: "active",
  turns: 40,
  messages: 840,
  createdAt: "2026-01-01T00:00:00.000Z",
  lastTurnAt: "2026-01-01T00:00:00.000Z",
} as const;

const megabyte = 1024 * 1024;
const none = { one: async () => false, next: async () => ({ replayed: 0, left: 0, until: "" }) };
const sizeOf = (answer: unknown) => Buffer.byteLength(JSON.stringify(answer));

describe("a page", () => {
  it("takes as many items as fit, and never none", () => {
    expect(firstThatFit(["aa", "bb", "cc"], 8)).toEqual(["aa", "bb"]);
    expect(firstThatFit(["x".repeat(100), "bb"], 8)).toEqual(["x".repeat(100)]);
    expect(firstThatFit([], 8)).toEqual([]);
    expect(firstThatFit(["é"], 3)).toEqual(["é"]);
  });
});

describe("a session of long replies", () => {
  it("is read page by page, each turn once and in order, and no page is too long for NATS", async () => {
    const turns = Array.from({ length: 40 }, (_, index) => turn(index + 1));
    expect(sizeOf(turns)).toBeGreaterThan(5 * megabyte);
    const commands = createConversationCommands({
      escalations: { list: async () => [] },
      records: {
        list: async () => [],
        show: async (_id, limit, after = -1) => ({
          session,
          turns: turns.filter(({ seq }) => seq > after).slice(0, limit),
        }),
        duplicates: async () => 0,
        behind: async () => [],
      },
      store: { move: async () => null },
      parked: { list: async () => [] },
      replays: none,
    });
    const seen: number[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const answer: Awaited<ReturnType<typeof commands.conversation>> = await commands.conversation(
        { session: "7", after },
        owner,
      );
      // Sealed, an answer is a third longer.
      expect(sizeOf(answer) * 1.4).toBeLessThan(megabyte);
      seen.push(...answer.turns.map(({ seq }) => seq));
      after = answer.more;
    }
    expect(seen).toEqual(turns.map(({ seq }) => seq));
  });
});

describe("the list of sessions and of what was set aside", () => {
  it("goes on by two cursors, and says where each list ends", async () => {
    const item = {
      channel: "telegram",
      account: "desk",
      chatUser: "1",
      inboundId: "m:1",
      kind: "text",
      text: "é".repeat(4_096),
    };
    const parked = Array.from({ length: 200 }, (_, index) => ({
      id: String(200 - index),
      reason: "BOT_FAILED",
      at: "2026-01-01T00:00:00.000Z",
      item: item as never,
    }));
    const commands = createConversationCommands({
      escalations: { list: async () => [] },
      records: {
        list: async ({ limit, before = "31" }) =>
          Array.from({ length: Number(before) - 1 }, (_, index) => ({
            ...session,
            id: String(Number(before) - 1 - index),
          })).slice(0, limit),
        show: async () => null,
        duplicates: async () => 0,
        behind: async () => [],
      },
      store: { move: async () => null },
      parked: {
        list: async ({ limit, before = "– 201" }) =>
          parked.filter(({ id }) => Number(id) < Number(before.split(" ")[1])).slice(0, limit),
      },
      replays: none,
    });
    const first = await commands.conversations({ limit: 20 }, owner);
    expect(first.more.sessions).toBe("11");
    expect(first.parked.length).toBeLessThan(200);
    expect(sizeOf(first) * 1.4).toBeLessThan(megabyte);
    const cursors = { before: first.more.sessions, parkedBefore: first.more.parked };
    const second = await commands.conversations({ limit: 20, ...cursors }, owner);
    expect(second.sessions.map(({ id }) => id)).toEqual(
      Array.from({ length: 10 }, (_, index) => String(10 - index)),
    );
    expect(second.more.sessions).toBeNull();
    const [, last] = first.more.parked!.split(" ");
    expect(second.parked[0]?.id).toBe(String(Number(last) - 1));
  });
});

describe("the accounts of a large fleet", () => {
  it("come in pages, each once and in order, each with room in one message", () => {
    const all = Array.from({ length: 5_000 }, (_, index) => ({
      name: `shop-bot-${String(index).padStart(5, "0")}`,
      note: "x".repeat(250),
    })) as unknown as readonly AccountStatus[];
    const found: AccountStatus[] = [];
    for (let after: string | undefined; ; ) {
      const page = statusPage(all, after);
      expect(sizeOf(page)).toBeLessThan(0.6 * megabyte);
      found.push(...page.accounts);
      if (page.more === null) break;
      after = page.more;
    }
    expect(found).toEqual(all);
    expect(statusPage([], undefined)).toEqual({ accounts: [], more: null });
  });
});
