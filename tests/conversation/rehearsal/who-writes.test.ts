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
