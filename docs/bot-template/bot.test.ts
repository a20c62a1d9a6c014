import assert from "node:assert/strict";
import { test } from "node:test";
import { talkTo } from "holdfast/testing";
import bot from "./bot.ts";

test("answers with the weather, and offers it again", async () => {
  const talk = talkTo(bot);
  assert.match((await talk.say("/start")).texts[0] ?? "", /name of a town/);
  assert.deepEqual((await talk.press("Paris")).texts, ["Paris: 15 °C."]);
  assert.deepEqual((await talk.say("Champigny")).choices, ["Again", "Ask a person"]);
  assert.deepEqual((await talk.press("Again")).texts, ["Champigny: 19 °C."]);
  assert.deepEqual(talk.context, { town: "Champigny" });
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
