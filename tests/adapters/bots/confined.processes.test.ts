import { mkdirSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type BotPoolBench, openBotPoolBench } from "../../fixtures/bot-pool-bench.ts";
import { answerOf, bodiesOf, materialOf } from "../../fixtures/turn-material.ts";

let bench: BotPoolBench;
beforeEach(() => {
  bench = openBotPoolBench();
});
afterEach(() => bench.close());

const attempt = `
    const act = async (work) => { try { return (await work()) ?? "done"; } catch (error) { return error.code ?? error.message; } };
    const fs = await import("node:fs");
    const net = await import("node:net");
    const found = {
      environment: Object.keys(process.env).toSorted(),
      arguments: process.execArgv.concat(process.argv).join(" "),
      home: await act(() => fs.readFileSync(new URL(".holdfast/master.key", import.meta.url), "utf8")),
      homeFolder: await act(() => fs.readdirSync(new URL(".holdfast", import.meta.url))),
      own: await act(() => fs.readFileSync(new URL("data.txt", import.meta.url), "utf8")),
      elsewhere: await act(() => fs.readFileSync("/etc/passwd", "utf8")),
      parent: await act(() => fs.readFileSync(\`/proc/\${process.ppid}/environ\`, "utf8")),
      write: await act(() => fs.writeFileSync(new URL("new.txt", import.meta.url), "x")),
      fork: await act(async () => (await import("node:child_process")).fork("x.mjs")),
      worker: await act(async () => new (await import("node:worker_threads")).Worker(new URL("bot.mjs", import.meta.url))),
      kill: await act(() => process.kill(process.ppid, 0)),
      local: await act(() => new Promise((resolve, reject) => net.connect("/tmp/some.sock").on("error", reject).on("connect", resolve))),
      folder: process.cwd(),
    };
    turn.reply(JSON.stringify(found));`;

it("a bot's process finds no key, no address and no environment, and reaches no file but its own", async () => {
  mkdirSync(join(bench.folder, ".holdfast"));
  writeFileSync(join(bench.folder, ".holdfast", "master.key"), "a secret");
  writeFileSync(join(bench.folder, "data.txt"), "its own");
  process.env["HOLDFAST_DATABASE_URL"] = "postgres://secret";
  const pool = bench.open(bench.write(attempt), { env: { SHOP_KEY: "1" } });
  delete process.env["HOLDFAST_DATABASE_URL"];
  await pool.loaded;
  const [body = ""] = bodiesOf(await answerOf(pool, materialOf("look")));
  const found = JSON.parse(body) as Record<string, unknown>;
  expect(found).toMatchObject({
    environment: ["SHOP_KEY"],
    own: "its own",
    home: "ERR_ACCESS_DENIED",
    homeFolder: "ERR_ACCESS_DENIED",
    elsewhere: "ERR_ACCESS_DENIED",
    parent: "ERR_ACCESS_DENIED",
    write: "ERR_ACCESS_DENIED",
    fork: "ERR_ACCESS_DENIED",
    worker: "ERR_ACCESS_DENIED",
    kill: "BOT_CONFINED",
    local: "BOT_CONFINED",
    folder: bench.folder,
  });
  expect(found["arguments"]).not.toContain("secret");
  expect(found["arguments"]).not.toContain(".holdfast");
});

const beside = getPriority();
const behind = Math.min(beside + 10, 19);

async function openTroubled() {
  const said = `const { getPriority } = await import("node:os");
    if (said === "exit") process.exit();
    const untilMs = performance.now() + (said === "loop" ? 1_000 : 0);
    while (performance.now() < untilMs) {}
    turn.reply(String(getPriority()));`;
  const pool = bench.open(bench.write(said));
  await pool.loaded;
  return async (text: string, how: { readonly alone?: boolean } = {}) =>
    Number(bodiesOf(await answerOf(pool, materialOf(text), how))[0]);
}

it("a bot that gives no sign of life gets the processor behind the node from then on", async () => {
  const niceness = await openTroubled();
  expect(await niceness("look")).toBe(beside);
  expect(await niceness("loop")).toBe(behind);
  expect(await niceness("look")).toBe(behind);
});

it("a process that follows one that ended gets the processor behind the node", async () => {
  const niceness = await openTroubled();
  await expect(niceness("exit")).rejects.toMatchObject({ code: "BOT_EXITED" });
  expect(await niceness("look")).toBe(behind);
});

it("a turn that runs alone gets the processor behind the node, and no other does", async () => {
  const niceness = await openTroubled();
  expect(await niceness("look", { alone: true })).toBe(behind);
  expect(await niceness("look")).toBe(beside);
});

it("a bot that lies in the home itself is refused", async () => {
  const file = bench.write("turn.reply('hi');");
  const { loaded } = bench.open(file, { home: bench.folder });
  await expect(loaded).rejects.toMatchObject({ code: "BOT_IN_HOME" });
});
