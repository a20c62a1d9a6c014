import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ConversationStore } from "../../../src/ports/conversation/conversation-store.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
} from "../../fixtures/conversation-bench.ts";

let bench: ConversationBench;
let store: ConversationStore;
beforeAll(async () => {
  bench = await openConversationBench();
  store = bench.conversations;
});
afterAll(() => bench.close());
beforeEach(() => bench.database.query("truncate turns, taken_messages"));

async function commit(inboundId: string) {
  const key = { channel: "telegram", account, chatUser: "marked" };
  const claim = await store.claimPartition(0, "marks");
  const session = await store.load(key, 86_400_000);
  return store.commit(
    {
      ...key,
      session,
      inboundId,
      peer: { userId: "marked", accessHash: "1" },
      text: "hello",
      snapshot: null,
      context: null,
      toolOutputs: [],
      replies: [],
      status: "active",
      sentBy: "holder",
    },
    claim,
  );
}

/** As programs write it that know nothing of `turns.marked`. */
const asOtherPrograms = (inboundId: string) =>
  bench.database.query(
    `insert into turns (session_id, seq, channel, account, inbound_id, asked)
     values (1, (select count(*) from turns), 'telegram', $1, $2, 'hello')`,
    [account, inboundId],
  );

/** Turns whose message has the mark of its day and account, and all marks. */
const counts = async () =>
  (
    await bench.database.query(
      `select count(*)::int as turns, count(k.mark)::int as marked, (select count(*)::int from taken_messages) as marks
       from turns t left join taken_messages k on k.mark = taken_mark(t.channel, t.account, t.inbound_id)
         and k.taken_on = (t.created_at at time zone 'UTC')::date
         and k.account_mark = taken_account_mark(t.channel, t.account)`,
    )
  )[0];

describe("the mark of a message that took effect", () => {
  it("is left by the commit of its turn, which needs no trigger for it", async () => {
    await bench.database.query("alter table turns disable trigger note_taken_message");
    try {
      expect(await commit("m:1")).toBe("committed");
    } finally {
      await bench.database.query("alter table turns enable trigger note_taken_message");
    }
    expect(await counts()).toEqual({ turns: 1, marked: 1, marks: 1 });
  });

  it("is left by a commit once", async () => {
    expect(await commit("m:1")).toBe("committed");
    expect(await commit("m:1")).toBe("duplicate");
    expect(await counts()).toEqual({ turns: 1, marked: 1, marks: 1 });
  });

  it("is left for a program that does not write it", async () => {
    await asOtherPrograms("m:1");
    await asOtherPrograms("m:2");
    expect(await counts()).toEqual({ turns: 2, marked: 2, marks: 2 });
    await expect(asOtherPrograms("m:2")).rejects.toMatchObject({
      constraint: "taken_messages_pkey",
    });
  });

  it("keeps either from the message that the other took", async () => {
    await asOtherPrograms("m:1");
    expect(await commit("m:1")).toBe("duplicate");
    expect(await commit("m:2")).toBe("committed");
    await expect(asOtherPrograms("m:2")).rejects.toMatchObject({
      constraint: "taken_messages_pkey",
    });
  });
});
