import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPhoneUser } from "../../src/demo/phone-user.ts";
import { control, controlOf } from "../../src/embedded/control-api.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { packageFile } from "../../src/files.ts";

let home: string;
let running: Running;

/** Leaves a promise alone that fails, the first time that it is told so. */
const careless = (marker: string) => `
  import { existsSync, writeFileSync } from "node:fs";
  import { defineBot } from ${JSON.stringify(`file://${packageFile("src/bot.ts")}`)};
  export default defineBot({
    name: "careless",
    async text(turn, text) {
      if (text === "float" && !existsSync(${JSON.stringify(marker)})) {
        writeFileSync(${JSON.stringify(marker)}, "");
        void Promise.reject(new Error("left alone by the bot"));
        await new Promise(() => {});
      }
      turn.reply("echo " + text);
    },
  });
`;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "holdfast-unforeseen-"));
  const bot = join(home, "careless.mjs");
  writeFileSync(bot, careless(join(home, "met")));
  const env = { ...process.env, HOLDFAST_HOME: home, HOLDFAST_BOT: bot };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
}, 120_000);

afterAll(async () => {
  await running.stop();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

describe("a node in which nothing caught an error", () => {
  it("says so, hands its accounts back in order, and its successor answers the message", async () => {
    const person = await createPhoneUser(controlOf(running.run())!, "Ada", "site_bot");
    const { gate, node } = running.run().pids;
    const next = running.nextNode();
    const answered = person.say("float");
    expect(await next).not.toBe(node);
    expect((await answered).text).toBe("echo float");
    expect(running.run().pids["gate"]).toBe(gate);
    const log = readFileSync(join(home, "logs", "gate.log"), "utf8");
    expect(log).toContain("nothing caught UNEXPECTED: Error: left alone by the bot");
    expect(log).toContain("it ends in order");
    const metrics = async () => (await fetch(running.run().metrics)).text();
    await expect.poll(metrics).toContain('holdfast_gate{figure="nodeRestarts"} 1');
    const overlaps = await control<object>(controlOf(running.run())!, "GET", "/ledger/overlaps");
    expect(overlaps).toMatchObject({ "any-two-connections": 0 });
  }, 60_000);
});
