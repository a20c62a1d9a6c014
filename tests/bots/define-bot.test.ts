import { describe, expect, it } from "vitest";
import { type BotDefinition, defineBot } from "../../src/bot.ts";
import { createRehearsal } from "../../src/engine/rehearsal.ts";
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

  it("needs a name and a handler for texts", () => {
    expect(() => defineBot({ ...echo, name: "" })).toThrow(/needs a name/);
    expect(() => defineBot({ name: "x" } as unknown as BotDefinition)).toThrow(/texts/);
  });
});
