import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
const told: string[] = [];

/** Leaves a promise alone that fails, or ends its process. */
const careless = `
  import { defineBot } from ${JSON.stringify(`file://${packageFile("src/bot.ts")}`)};
  export default defineBot({
    name: "careless",
    text(turn, text) {
      if (text === "float") void Promise.reject(new Error("left alone by the bot"));
      if (text === "exit") process.exit(1);
      turn.reply("echo " + text);
    },
  });
`;

/** A fault of the program's own, in every Node that it starts: a bot's process has no such variable. */
const faulty = `process.on("SIGUSR2", () => void Promise.reject(new Error("left alone by the node")));`;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "holdfast-unforeseen-"));
  mkdirSync(join(home, "careless"));
  const bot = join(home, "careless", "bot.mjs");
  writeFileSync(bot, careless);
  const env = {
    ...process.env,
    HOLDFAST_HOME: home,
    HOLDFAST_BOT: bot,
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(faulty)}`,
  };
  running = await startEmbedded({
    env,
    log: (line) => void told.push(line),
    provision: provisionExampleAccounts,
  });
}, 120_000);

afterAll(async () => {
  await running.stop();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

const metrics = async () => (await fetch(running.run().metrics)).text();

describe("a bot that leaves a failure alone, or ends its process", () => {
  it("costs its own message, is seen in the terminal with its place, and ends no node", async () => {
    const person = await createPhoneUser(controlOf(running.run())!, "Olga", "site_bot");
    const { node } = running.run().pids;
    person.say("float").catch(() => undefined);
    await expect
      .poll(() => told)
      .toContainEqual(
        expect.stringMatching(/^bot careless: BOT_FLOATING: .*left alone by the bot \(bot\.mjs:6:/),
      );
    person.say("exit").catch(() => undefined);
    await expect
      .poll(() => told)
      .toContainEqual(expect.stringMatching(/^bot careless: BOT_EXITED: .*\(bot\.mjs:7:/));
    expect((await person.say("hello")).text).toBe("echo hello");
    expect(running.run().pids["node"]).toBe(node);
    await expect.poll(metrics).toContain('holdfast_gate{figure="nodeRestarts"} 0');
  }, 60_000);
});

describe("a node in which nothing caught an error", () => {
  it("says so, hands its accounts back in order, and its successor answers", async () => {
    const { gate, node } = running.run().pids;
    const next = running.nextNode();
    process.kill(node!, "SIGUSR2");
    expect(await next).not.toBe(node);
    const person = await createPhoneUser(controlOf(running.run())!, "Ada", "site_bot");
    expect((await person.say("hello")).text).toBe("echo hello");
    expect(running.run().pids["gate"]).toBe(gate);
    const log = readFileSync(join(home, "logs", "gate.log"), "utf8");
    expect(log).toContain("nothing caught UNEXPECTED: Error: left alone by the node");
    expect(log).toContain("it ends in order");
    await expect.poll(metrics).toContain('holdfast_gate{figure="nodeRestarts"} 1');
    const overlaps = await control<object>(controlOf(running.run())!, "GET", "/ledger/overlaps");
    expect(overlaps).toMatchObject({ "any-two-connections": 0 });
  }, 60_000);
});
