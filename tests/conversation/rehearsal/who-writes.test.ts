import { describe, expect, it } from "vitest";
import { defineBot } from "../../../src/bot.ts";
import { talkTo } from "../../../src/testing.ts";

const shows = defineBot({
  name: "shows",
  text(turn) {
    turn.log.info("asked", { by: turn.from.username });
    turn.reply(JSON.stringify([turn.from, turn.date]), [{ label: "Again", action: "again" }]);
  },
  actions: { again: (turn) => turn.reply(JSON.stringify([turn.from, turn.date])) },
});

describe("what a bot's test tells of who writes", () => {
  it("is what the test says", async () => {
    const now = new Date("2026-11-28T12:00:00.000Z");
    const from = { id: "77", name: "Ada Byron", username: "ada", language: "fr" };
    const talk = talkTo(shows, "bot", { from, now: () => now });
    const asked = await talk.say("hi");
    expect(JSON.parse(asked.texts[0]!)).toEqual([from, now.toISOString()]);
    const pressed = await talk.press("Again");
    expect(JSON.parse(pressed.texts[0]!)).toEqual([from, null]);
  });

  it("is nothing but an id where the test says nothing", async () => {
    const asked = await talkTo(shows).say("hi");
    const [from, date] = JSON.parse(asked.texts[0]!) as [unknown, string];
    expect(from).toEqual({ id: "1", name: null, username: null, language: null });
    expect(Date.parse(date)).not.toBeNaN();
  });

  it("has the lines that the bot logged", async () => {
    const talk = talkTo(shows, "bot", { from: { username: "ada" } });
    await talk.say("hi");
    expect(talk.log).toEqual([{ level: "info", message: "asked", fields: { by: "ada" } }]);
  });
});

describe("a person in a bot's test", () => {
  const bot = defineBot({
    name: "hands over",
    text(turn, text) {
      if (text === "help") turn.escalate();
      const said = turn.history.map(({ role, body }) => `${role} ${body}`);
      turn.reply([turn.session.decision, ...said].join(", "));
    },
  });

  it("answers in the bot's place and gives the session back", async () => {
    const talk = talkTo(bot);
    await talk.say("help");
    expect((await talk.say("hello?")).texts).toEqual([]);
    talk.giveBack("Bob here", "All is well");
    const [after] = (await talk.say("thanks")).texts;
    expect(after).toBe(
      "SESSION_RETURNED, user help, bot SESSION_CREATED_FIRST_CONTACT, user hello?, person Bob here, person All is well",
    );
    expect((await talk.say("bye")).texts[0]).toMatch(/^SESSION_REUSED/);
  });

  it("gives nothing back that no person has", () => {
    expect(() => talkTo(bot).giveBack("Bob here")).toThrow("no person has it");
  });
});
