import assert from "node:assert/strict";
import { test } from "node:test";
import { talkTo } from "holdfast/testing";
import bot from "./bot.ts";

test("answers with the weather, and offers it again", async () => {
  const talk = talkTo(bot, "bot", { from: { name: "Ada" } });
  assert.match((await talk.say("/start")).texts[0] ?? "", /^Hello Ada! .*name of a town/);
  assert.deepEqual((await talk.press("Paris")).texts, ["Paris: 15 °C."]);
  assert.deepEqual((await talk.say("Champigny")).choices, ["Again", "Ask a person"]);
  assert.deepEqual((await talk.press("Again")).texts, ["Champigny: 19 °C."]);
  assert.deepEqual(talk.context, { town: "Champigny" });
});

test("takes a visit down, question by question", async () => {
  const talk = talkTo(bot);
  assert.deepEqual((await talk.say("/visit")).texts, ["Which town will you visit?"]);
  assert.match((await talk.say("Lyon")).texts[0] ?? "", /How many people come to Lyon/);
  assert.match((await talk.say("a few")).texts[0] ?? "", /How many people come to Lyon/);
  assert.deepEqual((await talk.say("4")).choices, ["Yes", "Change it"]);
  assert.deepEqual((await talk.press("Yes")).texts, ["Planned: 4 people to Lyon."]);
  assert.equal(talk.log.at(-1)?.fields["people"], 4);
  assert.deepEqual((await talk.say("Nice")).texts, ["Nice: 14 °C."]);
});

test("reads a file that a user sends", async () => {
  const talk = talkTo(bot);
  const { texts } = await talk.sendFile(Buffer.from("a picture"));
  assert.deepEqual(texts, ["Thank you for the photo of 9 bytes."]);
});

test("hands over to a person", async () => {
  const talk = talkTo(bot);
  await talk.say("Lyon");
  assert.equal((await talk.press("Ask a person")).escalated, true);
});
