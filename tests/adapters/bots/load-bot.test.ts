import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadBot } from "../../../src/adapters/bots/load-bot.ts";
import { createRehearsal } from "../../../src/conversation/rehearsal/rehearsal.ts";
import type { Bot } from "../../../src/ports/conversation/bot.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "holdfast-bot-"));
  file = join(folder, "bot.mjs");
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const source = (says: string) =>
  `export default { name: "sayer", handle(turn) { turn.reply(${JSON.stringify(says)}); } };`;
const says = async (bot: Bot) => {
  const turn = await createRehearsal(bot).take({ inboundId: "m:1", kind: "text", text: "hi" });
  return turn.replies.map(({ body }) => body);
};

describe("a bot of one's own", () => {
  it("is what its file exports by default", async () => {
    await writeFile(file, source("hello"));
    expect(await says(await loadBot(file))).toEqual(["hello"]);
  });

  it.each([
    ["is not there", null, "BOT_NOT_FOUND", "npx holdfast init"],
    ["cannot be read", "export default {", "BOT_BROKEN", "start again"],
    ["exports something else", "export default 7;", "BOT_MALFORMED", "defineBot"],
    ["exports nothing by default", "export const bot = {};", "BOT_MALFORMED", "defineBot"],
  ])("that %s is refused with what to do", async (_what, text, code, next) => {
    if (text !== null) await writeFile(file, text);
    await expect(loadBot(file)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(file),
      next: expect.stringContaining(next),
    });
  });
});
