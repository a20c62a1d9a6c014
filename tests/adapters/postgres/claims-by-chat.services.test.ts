import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReplyClaim } from "../../../src/ports/conversation/outbox-store.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
} from "../../fixtures/conversation-bench.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench("user");
});
afterEach(() => bench.close());

const asked: ReplyClaim = { limit: 100, perChat: 100, except: [], rested: [], wake: [] };

/** The claimed replies, as chat and text. */
async function claim(what: Partial<ReplyClaim> = {}) {
  const claimed = await bench.outbox.claim(bench.grant, { ...asked, ...what });
  return claimed?.items.map(({ chatUser, body }) => `${chatUser}: ${body}`);
}

async function rest(id: string, ms: number, code: string): Promise<void> {
  await bench.outbox.settle([{ id, rest: { ms, code, wasTried: true } }], bench.grant);
}

const firstId = async () => {
  const what = { ...asked, limit: 1 };
  return (await bench.outbox.claim(bench.grant, what))?.items[0]?.id ?? "";
};

describe("a claim of replies", () => {
  it("takes a few of each chat, the chat that waits longest first, and the rest later", async () => {
    await bench.commitReplies("z", "1", "2", "3");
    await bench.commitReplies("a", "4", "5", "6");
    await bench.commitReplies("m", "7");
    expect(await claim({ limit: 3, perChat: 2 })).toEqual(["z: 1", "z: 2", "a: 4"]);
    expect(await claim({ perChat: 2 })).toEqual(["z: 3", "a: 5", "a: 6", "m: 7"]);
    expect(await claim()).toEqual([]);
  });

  it("passes over a chat that rests, with all that waits behind its oldest reply, and says when it is due", async () => {
    await bench.commitReplies("1", "a", "b");
    await rest(await firstId(), 60_000, "WEBHOOK_500");
    await bench.commitReplies("2", "c");
    const claimed = await bench.outbox.claim(bench.grant, asked);
    expect(claimed?.items.map(({ body }) => body)).toEqual(["c"]);
    expect(claimed?.restMs).toBeGreaterThan(50_000);
    expect(claimed?.restMs).toBeLessThanOrEqual(60_000);
    await bench.database.query("update outbox set next_at = now() where next_at is not null");
    const due = await bench.outbox.claim(bench.grant, asked);
    expect(due?.items).toMatchObject([
      { body: "a", attempted: true, retry: { attempts: 1 } },
      { body: "b", attempted: false },
    ]);
  });

  it("takes a resting chat whose rest the sender knows to be over, by its user or by its reason", async () => {
    await bench.commitReplies("1", "a");
    await rest(await firstId(), 60_000, "CONNECTION_LOST");
    await bench.commitReplies("2", "b");
    await rest(await firstId(), 60_000, "FLOOD_WAIT");
    expect(await claim({ wake: ["CONNECTION_LOST"] })).toEqual(["1: a"]);
    expect(await claim({ rested: ["2"] })).toEqual(["2: b"]);
  });

  it("leaves out the chats that the sender has enough of", async () => {
    await bench.commitReplies("1", "a");
    await bench.commitReplies("2", "b");
    expect(await claim({ except: ["1"] })).toEqual(["2: b"]);
  });

  it("costs no more for a chat with a thousand waiting than for one with a few", async () => {
    await bench.commitReplies("1", "a");
    await bench.database.query(
      `insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id)
       select 'telegram', $1, 'chatty', '{"accessHash":"1"}', 0, 77, n + 2, n from generate_series(1, 5000) n`,
      [account],
    );
    await bench.database.query("analyze outbox");
    const [row] = await bench.database.query<{ "QUERY PLAN": string }>(
      `explain (analyze, format json)
       select o.chat_user from outbox o where o.account = $1 and o.partition is null
         and o.state in ('pending', 'sending') and o.state = 'pending' and o.chat_user > '' order by o.chat_user limit 1`,
      [account],
    );
    expect(JSON.stringify(row)).toContain("outbox_waiting");
    expect(await claim({ perChat: 1 })).toEqual(["1: a"]);
  });
});

describe("what an attempt leaves behind", () => {
  it("waits again as attempted, but for what the sender still holds", async () => {
    await bench.commitReplies("1", "a", "b");
    const claimed = await bench.outbox.claim(bench.grant, asked);
    const held = claimed!.items[1]!.id;
    expect(await bench.outbox.recover(bench.grant, [held])).toBe(true);
    const again = await bench.outbox.claim(bench.grant, asked);
    expect(again?.items).toMatchObject([{ body: "a", attempted: true }]);
  });

  it("is not looked for under a grant that is not the token's any more (I6)", async () => {
    const stale = { ...bench.grant, epoch: bench.grant.epoch - 1 };
    expect(await bench.outbox.recover(stale, [])).toBe(false);
  });

  it("is not given back by a sender whose successor has claimed it (I6)", async () => {
    await bench.commitReplies("1", "a");
    const id = await firstId();
    const stale = { ...bench.grant, epoch: bench.grant.epoch - 1 };
    await bench.outbox.settle([{ id, again: true }], stale);
    await bench.outbox.settle([{ id, rest: { ms: 0, code: "X", wasTried: true } }], stale);
    expect(await claim()).toEqual([]);
    await bench.outbox.settle([{ id, messageId: 7 }], stale);
    const rows = await bench.database.query("select state, message_id from outbox");
    expect(rows).toEqual([{ state: "sent", message_id: 7 }]);
  });
});
