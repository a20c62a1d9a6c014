import { describe, expect, it } from "vitest";
import { type BotDefinition, defineBot } from "../../src/bot.ts";
import { createRehearsal } from "../../src/conversation/rehearsal/rehearsal.ts";
import { talkTo } from "../../src/testing.ts";

const echo: BotDefinition = {
  name: "echo",
  commands: {
    start: (turn, rest) => turn.reply(`started with "${rest}"`, [{ label: "One", action: "one" }]),
    lost: (turn) => turn.reply("x", [{ label: "Lost", action: "nobody" }]),
    bye(turn) {
      turn.reply("bye");
      turn.end();
    },
  },
  actions: { one: (turn) => turn.reply("one!") },
  text: (turn, text) => turn.reply(`you said ${text}`),
};

describe("a bot of handlers", () => {
  it("answers commands, texts and choices, each by its own", async () => {
    const talk = talkTo(defineBot(echo));
    expect((await talk.say("/start now or never")).texts).toEqual([`started with "now or never"`]);
    expect((await talk.press("One")).texts).toEqual(["one!"]);
    expect((await talk.say("hello")).texts).toEqual(["you said hello"]);
    expect((await talk.say("/start@echo_bot")).choices).toEqual(["One"]);
    expect(await talk.say("/bye")).toMatchObject({ texts: ["bye"], ended: true });
  });

  it("takes a command without a handler for a text, also one that every object has", async () => {
    const talk = talkTo(defineBot(echo));
    expect((await talk.say("/toString")).texts).toEqual(["you said /toString"]);
  });

  it("fails a turn for a choice that it offered and cannot handle", async () => {
    const talk = talkTo(defineBot(echo));
    await talk.say("/lost");
    await expect(talk.press("Lost")).rejects.toMatchObject({ code: "ACTION_UNHANDLED" });
    await expect(talk.press("Nowhere")).rejects.toThrow("no choice");
  });

  it("says plainly that a choice is of an earlier conversation, or what its author wants", async () => {
    const stale = { kind: "tap", inboundId: "tap:1:h1:999:2:0", text: "h1:999:2:0" } as const;
    const plain = await createRehearsal(defineBot(echo)).take(stale);
    expect(plain.replies[0]?.body).toContain("earlier conversation");
    const own = defineBot({ ...echo, staleAction: (turn, reason) => turn.reply(reason) });
    const said = await createRehearsal(own).take(stale);
    expect(said.replies[0]?.body).toBe("CHOICE_OF_OTHER_SESSION");
  });

  it("is silent in a session that it gave to a person, as in a real one", async () => {
    const asked: string[] = [];
    const talk = talkTo(
      defineBot({
        name: "clerk",
        text(turn, text) {
          asked.push(text);
          turn.reply("A person will answer.");
          turn.escalate();
        },
      }),
    );
    expect(await talk.say("help")).toMatchObject({ escalated: true, ended: false });
    expect(await talk.say("are you there?")).toEqual({
      texts: [],
      choices: [],
      ended: false,
      escalated: true,
    });
    expect(asked).toEqual(["help"]);
  });

  it("begins anew after the session that it ended, with what it knows of the person", async () => {
    const seen: unknown[] = [];
    const talk = talkTo(
      defineBot({
        name: "forgetful",
        actions: { again: (turn) => turn.reply("again!") },
        text(turn, text) {
          const { id, decision, turns } = turn.session;
          seen.push([
            id,
            decision,
            turns,
            turn.history.length,
            turn.state,
            turn.context,
            turn.progress,
          ]);
          turn.setState({ machineId: "m", schemaVersion: 1, state: text });
          turn.remember({ language: "fr" });
          turn.beginProgress(text);
          turn.reply(text, [{ label: "Again", action: "again" }]);
          if (text === "bye") turn.end();
        },
      }),
    );
    expect(await talk.say("bye")).toMatchObject({ ended: true });
    expect((await talk.press("Again")).texts[0]).toContain("earlier conversation");
    await talk.say("hello");
    const progress = { subject: "bye", images: 0, comments: 0, status: null };
    expect(seen).toEqual([
      ["1", "SESSION_CREATED_FIRST_CONTACT", 0, 0, null, {}, null],
      ["2", "SESSION_REUSED", 1, 2, null, { language: "fr" }, progress],
    ]);
  });

  it("needs a name and a handler for texts", () => {
    expect(() => defineBot({ ...echo, name: "" })).toThrow(/needs a name/);
    expect(() => defineBot({ name: "x" } as unknown as BotDefinition)).toThrow(/texts/);
  });
});
