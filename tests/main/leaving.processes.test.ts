import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPhoneUser } from "../../src/demo/phone-user.ts";
import { controlOf } from "../../src/embedded/control-api.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { packageFile } from "../../src/files.ts";

let home: string;
let running: Running;
const log = () => readFileSync(join(home, "logs", "gate.log"), "utf8");

/** Longer than a beat of the host. */
const handlerMs = 1_000;

const slow = `
  import { defineBot } from ${JSON.stringify(`file://${packageFile("src/bot.ts")}`)};
  export default defineBot({
    name: "slow",
    async text(turn, text) {
      console.log("has begun");
      await new Promise((resolve) => setTimeout(resolve, ${handlerMs}));
      console.log("has ended");
      turn.reply("echo " + text);
    },
  });
`;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "holdfast-leaving-"));
  mkdirSync(join(home, "slow"));
  const bot = join(home, "slow", "bot.mjs");
  writeFileSync(bot, slow);
  const env = { ...process.env, HOLDFAST_HOME: home, HOLDFAST_BOT: bot };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
}, 120_000);

afterAll(async () => {
  await running.stop();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

describe("a host that stops while a handler runs", () => {
  it("lets the handler end, although its accounts are handed over long before", async () => {
    const person = await createPhoneUser(controlOf(running.run())!, "Ada", "site_bot");
    person.say("hello").catch(() => undefined);
    await expect.poll(log, { timeout: 20_000 }).toContain("bot slow: has begun");
    await running.stop();
    expect(log()).not.toContain("everything is cut");
    expect(log()).toContain("bot slow: has ended");
  }, 60_000);
});
