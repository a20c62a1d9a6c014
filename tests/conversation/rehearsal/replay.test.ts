import { describe, expect, it } from "vitest";
import { createRehearsal } from "../../../src/conversation/rehearsal/rehearsal.ts";
import { replay } from "../../../src/conversation/rehearsal/replay.ts";
import { defineBot } from "../../../src/bots/define-bot.ts";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import type {
  SessionSummary,
  TurnHistory,
} from "../../../src/ports/conversation/conversation-records.ts";

const session: SessionSummary = {
  id: "42",
  channel: "telegram",
  account: "desk",
  chatUser: "7",
  status: "active",
  turns: 3,
  messages: 6,
  createdAt: "2026-01-01T00:00:00.000Z",
  lastTurnAt: "2026-01-01T00:00:00.000Z",
};

/** Counts what was said, offers towns, and asks for the weather of the one that is chosen. */
const bot = (farewell: string): Bot =>
  defineBot({
    name: "towns",
    actions: {
      town: (turn, item) => turn.reply(`${String(item?.value)}, message ${turn.history.length}`),
    },
    text(turn, text) {
      if (text === "bye") return turn.reply(farewell);
      const seq = turn.record("towns", ["Paris", "Lyon"]);
      turn.reply("Which town?", [
        { label: "Lyon", action: "town", item: { toolOutputSeq: seq, index: 1 } },
      ]);
    },
  });

/** The turns as they were taken with the first version. */
async function recorded(): Promise<readonly TurnHistory[]> {
  const rehearsal = createRehearsal(bot("Goodbye"), { sessionId: "42", account: "desk" });
  const turns: TurnHistory[] = [];
  const take = async (kind: "text" | "tap", text: string) => {
    const seq = rehearsal.session.lastSeq + 1;
    const outputsBefore = rehearsal.session.toolOutputs.length;
    const inboundId = kind === "tap" ? `tap:9:${text}` : `m:${seq}`;
    const { replies } = await rehearsal.take({ inboundId, kind, text });
    const asked = rehearsal.session.messages.find((message) => message.seq === seq)?.body ?? "";
    const toolOutputs = rehearsal.session.toolOutputs.slice(outputsBefore);
    turns.push({ seq, inboundId, asked, media: [], replies, toolOutputs, at: session.createdAt });
  };
  await take("text", "hello");
  await take("tap", rehearsal.referenceTo("Lyon")!);
  await take("text", "bye");
  return turns;
}

describe("a session replayed against a bot (V13)", () => {
  it("is the same with the bot that took it", async () => {
    const turns = await replay(bot("Goodbye"), { session, turns: await recorded() }, "bot");
    expect(turns.map(({ asked, differs }) => [asked, differs])).toEqual([
      ["hello", false],
      ["Lyon", false],
      ["bye", false],
    ]);
    expect(turns[1]?.is).toEqual(["Lyon, message 2"]);
  });

  it("shows where a changed bot answers otherwise, turn by turn", async () => {
    const turns = await replay(bot("Farewell"), { session, turns: await recorded() }, "bot");
    expect(turns.filter(({ differs }) => differs)).toEqual([
      { seq: 5, asked: "bye", was: ["Goodbye"], is: ["Farewell"], differs: true, heldBack: [] },
    ]);
  });

  it("asks a bot no more that gives the session to a person", async () => {
    const asked: string[] = [];
    const clerk = defineBot({
      name: "clerk",
      text(turn, text) {
        asked.push(text);
        turn.escalate();
      },
    });
    const turns = await replay(clerk, { session, turns: await recorded() }, "bot");
    expect(asked).toEqual(["hello"]);
    expect(turns.map(({ is }) => is)).toEqual([[], [], []]);
    expect(turns.at(-1)).toMatchObject({ was: ["Goodbye"], differs: true });
  });

  it("goes on in another session after one that the bot ends", async () => {
    const seen: unknown[] = [];
    const brief = defineBot({
      name: "brief",
      text(turn) {
        seen.push([turn.session.id, turn.session.decision, turn.history.length]);
        turn.end();
      },
      staleAction: (turn, reason) => turn.reply(reason),
    });
    const turns = await replay(brief, { session, turns: await recorded() }, "bot");
    expect(seen).toEqual([
      ["42", "SESSION_CREATED_FIRST_CONTACT", 0],
      ["43", "SESSION_REUSED", 2],
    ]);
    expect(turns[1]?.is).toEqual(["CHOICE_OF_OTHER_SESSION"]);
  });

  it("leaves the session as it was after a turn in which the bot fails", async () => {
    const failing = defineBot({
      name: "failing",
      text(turn, text) {
        if (text !== "hello") return turn.reply("here");
        turn.escalate();
        throw new Error("no answer");
      },
      actions: { town: (turn) => turn.reply("here") },
    });
    const turns = await replay(failing, { session, turns: await recorded() }, "bot");
    expect(turns.map(({ is }) => is)).toEqual([{ fails: "no answer" }, ["here"], ["here"]]);
  });

  it("makes no call to the outside, and goes on over what was really said", async () => {
    const turns = await recorded();
    let calls = 0;
    const calling = defineBot({
      name: "caller",
      actions: { town: (turn) => turn.reply(`message ${turn.history.length}`) },
      async text(turn) {
        await turn.step("weather", () => (calls += 1));
      },
    });
    const replayed = await replay(calling, { session, turns }, "bot");
    expect(calls).toBe(0);
    expect(replayed[0]?.is).toMatchObject({ fails: expect.stringContaining('"weather"') });
    expect(replayed[1]).toMatchObject({ was: ["Lyon, message 2"], is: ["message 2"] });
  });
});
