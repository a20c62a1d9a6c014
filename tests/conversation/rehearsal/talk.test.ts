import { describe, expect, it } from "vitest";
import { defineBot } from "../../../src/bot.ts";
import { talkTo } from "../../../src/testing.ts";

const form = (sticky: boolean) =>
  defineBot({
    name: "form",
    commands: {
      start: (turn) =>
        turn.reply(
          "Town?",
          [
            { label: "Paris", action: "town" },
            { label: "London", action: "cancel" },
          ],
          { sticky },
        ),
    },
    actions: {
      town: (turn) => turn.reply("How many guests?"),
      cancel: (turn) => turn.reply("cancelled"),
    },
    text: (turn, text) => turn.reply(`text ${text}`),
  });

describe("a number said to a person's account", () => {
  it("answers the menu of the bot's last turn alone", async () => {
    const talk = talkTo(form(false), "user");
    const said = [];
    for (const text of ["/start", "1", "2"]) said.push((await talk.say(text)).texts);
    expect(said).toEqual([["Town?"], ["How many guests?"], ["text 2"]]);
  });

  it("answers a sticky menu as long as the session lasts, also after more than its history", async () => {
    const talk = talkTo(form(true), "user");
    await talk.say("/start");
    for (let turn = 0; turn < 15; turn += 1) await talk.say("hi");
    expect((await talk.say("2")).texts).toEqual(["cancelled"]);
  });

  it("leaves a bot's state alone where a menu stays", async () => {
    const bot = defineBot({
      name: "state",
      text(turn, text) {
        turn.reply(`${text} after ${JSON.stringify(turn.state?.state ?? null)}`);
        if (text === "menu") turn.reply("Choose", [{ label: "A", action: "a" }], { sticky: true });
        if (text === "keep") turn.setState({ machineId: "m", schemaVersion: 1, state: "kept" });
      },
      actions: { a: (turn) => turn.reply(`a after ${JSON.stringify(turn.state?.state ?? null)}`) },
    });
    const talk = talkTo(bot, "user");
    const said = [];
    for (const text of ["menu", "keep", "1", "menu", "x", "1"]) {
      said.push((await talk.say(text)).texts[0]);
    }
    expect(said).toEqual([
      "menu after null",
      "keep after null",
      'a after "kept"',
      'menu after "kept"',
      'x after "kept"',
      'a after "kept"',
    ]);
  });
});

describe("a button", () => {
  it("works as long as its session lasts, however many messages came since", async () => {
    const bot = defineBot({
      name: "menu",
      commands: {
        start: (turn) => turn.reply("Main menu", [{ label: "Orders", action: "orders" }]),
      },
      actions: { orders: (turn) => turn.reply("your orders") },
      text: (turn, text) => turn.reply(text),
    });
    const talk = talkTo(bot);
    await talk.say("/start");
    for (let turn = 0; turn < 15; turn += 1) await talk.say("hi");
    expect((await talk.press("Orders")).texts).toEqual(["your orders"]);
    expect((await talk.press("Orders")).texts).toEqual(["your orders"]);
  });

  it("works for each of more tool outputs than a turn is given", async () => {
    const bot = defineBot({
      name: "many",
      actions: { pick: (turn, item) => turn.reply(`picked ${String(item?.value)}`) },
      text: (turn) =>
        turn.reply(
          "Choose",
          Array.from({ length: 12 }, (_, n) => ({
            label: `n${n}`,
            action: "pick",
            item: { toolOutputSeq: turn.record("o", [n]), index: 0 },
          })),
        ),
    });
    const talk = talkTo(bot);
    await talk.say("x");
    const picked = [];
    for (const label of ["n0", "n1", "n11"]) picked.push(...(await talk.press(label)).texts);
    expect(picked).toEqual(["picked 0", "picked 1", "picked 11"]);
  });
});
