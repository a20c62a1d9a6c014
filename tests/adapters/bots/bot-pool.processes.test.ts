import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BotPool } from "../../../src/adapters/bots/bot-pool.ts";
import { describeBotRunner } from "../../contracts/bot-runner.ts";
import { type BotPoolBench, openBotPoolBench } from "../../fixtures/bot-pool-bench.ts";
import { createTestClock, type TestClock } from "../../fixtures/test-clock.ts";
import { answerOf, bodiesOf, materialOf } from "../../fixtures/turn-material.ts";

const contractBot = fileURLToPath(new URL("../../fixtures/bots/contract-bot.ts", import.meta.url));

describeBotRunner("in a process of their own", async () => {
  const bench = openBotPoolBench();
  const runner = bench.open(contractBot);
  await runner.loaded;
  return { runner, close: bench.close };
});

/** On a busy machine a process takes seconds to start. */
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

let bench: BotPoolBench;
beforeEach(() => {
  bench = openBotPoolBench();
});
afterEach(() => bench.close());

/** A bot that answers `fine`, but for the texts that the body treats. */
async function open(body: string, change: Parameters<BotPoolBench["open"]>[1] = {}) {
  const pool = bench.open(bench.write(`${body}\n    turn.reply("fine");`), change);
  await pool.loaded;
  return {
    pool,
    say: async (text: string, alone = false) =>
      bodiesOf(await answerOf(pool, materialOf(text), { alone })),
  };
}

/** The turn has been given to a process. */
const given = () => new Promise((resolve) => setImmediate(resolve));

describe("a process of a bot that ends", () => {
  it.each([
    ["calls process.exit", "process.exit(3)", "BOT_EXITED", /process\.exit\(3\) \(bot\.mjs:5:/],
    [
      "throws where nothing catches",
      "setTimeout(() => { throw new Error('late'); }); await new Promise(() => {})",
      "BOT_CRASHED",
      /late \(bot\.mjs:5:/,
    ],
    ["is aborted", "process.abort()", "BOT_CRASHED", /SIGABRT/],
    [
      "takes more memory than it may beside its heap",
      "const all = []; for (;;) { all.push(Buffer.alloc(1e7, 1)); await new Promise((r) => setTimeout(r, 1)); }",
      "BOT_OUT_OF_MEMORY",
      /MB of memory/,
    ],
  ])("because it %s costs its turn, and another one answers", async (_what, act, code, reason) => {
    const { say } = await open(`if (said === "act") { ${act} }`);
    await expect(say("act")).rejects.toMatchObject({
      code,
      message: expect.stringMatching(reason),
      isSuspect: true,
    });
    expect(await say("hi")).toEqual(["fine"]);
  });

  it("because its heap is full says so", async () => {
    const act = "const all = []; for (;;) { all.push(new Array(1e5).fill(0).map(() => ({}))); }";
    const { say } = await open(`if (said === "act") { ${act} }`, { memoryMb: 32, hangMs: 60_000 });
    await expect(say("act")).rejects.toMatchObject({ code: "BOT_OUT_OF_MEMORY" });
  });

  it("because it never returns is ended, while the other one takes what comes", async () => {
    const clock = createTestClock();
    const { say } = await open(`if (said === "act") for (;;);`, {
      processes: 2,
      hangMs: 2_000,
      clock,
    });
    const hung = say("act").catch((error: unknown) => error);
    await given();
    clock.advance(100);
    expect(await say("hi")).toEqual(["fine"]);
    clock.advance(2_000);
    expect(await hung).toMatchObject({ code: "BOT_HUNG", isSuspect: true });
  });

  it("takes those beside it along, and names the one that ended it", async () => {
    const body = `
      if (said === "wait") await new Promise(() => {});
      if (said === "act") process.exit(0);`;
    const { say } = await open(body);
    const beside = say("wait").catch((error: unknown) => error);
    await expect(say("act")).rejects.toMatchObject({ isSuspect: true });
    expect(await beside).toMatchObject({ code: "BOT_EXITED", isSuspect: false });
  });
});

describe("turns of several processes", () => {
  const twoThatTell = (clock: TestClock) =>
    open(
      `if (said === "busy") for (const end = Date.now() + 300; Date.now() < end;);
      return turn.reply(String(process.pid));`,
      { processes: 2, clock },
    );
  const say = async (pool: BotPool, user: string) =>
    bodiesOf(await answerOf(pool, materialOf("hi", {}, user)));
  const users = Array.from({ length: 60 }, (_, user) => `${user}`);

  it("are spread over them while there are few", async () => {
    const { pool } = await twoThatTell(createTestClock());
    const seen = new Set<string>();
    for (const user of users.slice(0, 8)) for (const pid of await say(pool, user)) seen.add(pid);
    expect(seen.size).toBe(2);
  });

  it("go to the eldest once it has many, as it keeps up with them", async () => {
    const { pool } = await twoThatTell(createTestClock());
    const answers = await Promise.all(users.map((user) => say(pool, user)));
    const [pid] = answers.at(-1)!;
    expect(answers.slice(30).flat()).toEqual(users.slice(30).map(() => pid));
  });

  it("go to the other one while theirs is late, and back when it has caught up", async () => {
    const clock = createTestClock();
    const { say: sayOne } = await twoThatTell(clock);
    const [usual] = await sayOne("hi");
    const busy = sayOne("busy");
    await given();
    clock.advance(75);
    const [other] = await sayOne("hi");
    expect(other).not.toBe(usual);
    expect(await busy).toEqual([usual]);
    expect(await sayOne("hi")).toEqual([usual]);
  });
});

describe("a turn that runs alone", () => {
  it("has a process of its own, which the next one has too where it is left clean", async () => {
    const { say } = await open(`
      if (said === "timer") setTimeout(() => {}, 60_000);
      return turn.reply(String(process.pid));`);
    const [shared] = await say("pid");
    const [first] = await say("pid", true);
    const [again] = await say("timer", true);
    const [other] = await say("pid", true);
    expect([first === shared, again === first, other === again]).toEqual([false, true, false]);
  });
});

describe("a failure that nothing awaits", () => {
  it("fails the turn that it belongs to, with its place, and ends nothing", async () => {
    const { say } = await open(`if (said === "act") void Promise.reject(new Error("lost"));`);
    await expect(say("act")).rejects.toMatchObject({
      code: "BOT_FLOATING",
      message: expect.stringMatching(/lost \(bot\.mjs:5:/),
    });
    expect(await say("hi")).toEqual(["fine"]);
  });

  it("is told where its turn is over", async () => {
    const { say } = await open(
      `if (said === "act") setTimeout(() => void Promise.reject(new Error("lost")), 20);`,
    );
    await say("act");
    await expect.poll(() => bench.floating).toEqual([expect.stringMatching(/lost \(bot\.mjs:5:/)]);
  });
});

describe("an answer that is none", () => {
  it.each([
    [
      "a state of 10 MB",
      `turn.setState({ machineId: "x", schemaVersion: 1, state: "x".repeat(1e7) });`,
      "BOT_ANSWER_TOO_LARGE",
    ],
    ["a value that is no JSON", `turn.remember({ big: 1n });`, "UNEXPECTED"],
    ["a reply that is no text", `turn.reply({});`, "UNEXPECTED"],
    [
      "a menu that is none",
      `turn.reply("a", [{ label: "b", action: 7 }]);`,
      "BOT_ANSWER_MALFORMED",
    ],
  ])("such as %s fails its turn alone", async (_what, act, code) => {
    const { say } = await open(`if (said === "act") { ${act} }`);
    const met = await say("act").catch((error: unknown) => error);
    expect(met).toBeInstanceOf(Error);
    expect((met as { code?: string }).code ?? "UNEXPECTED").toBe(code);
    expect(await say("hi")).toEqual(["fine"]);
  });

  it("in the pipe itself ends the process that wrote it", async () => {
    const { say } = await open(
      `if (said === "act") { (await import("node:fs")).writeSync(3, "garbage in the pipe"); await new Promise(() => {}); }`,
    );
    await expect(say("act")).rejects.toMatchObject({ code: "BOT_CRASHED" });
    expect(await say("hi")).toEqual(["fine"]);
  });
});

it("a megabyte that a bot prints comes to the log cut short, and its turn goes on", async () => {
  const { say } = await open(`if (said === "act") console.log("x".repeat(1e6));`);
  expect(await say("act")).toEqual(["fine"]);
  await expect.poll(() => bench.lines.map((line) => line.length)).toEqual([1_000]);
});

describe("a bot that is loaded anew", () => {
  it("takes all of its files anew, and the turn that began ends with the old ones", async () => {
    writeFileSync(join(bench.folder, "texts.mjs"), `export const text = "one";`);
    const file = join(bench.folder, "bot.mjs");
    writeFileSync(
      file,
      `import { text } from "./texts.mjs";
      export default { name: "bot", async handle(turn) {
        if (turn.input.text === "wait") await new Promise((resolve) => setTimeout(resolve, 300));
        turn.reply(text);
      } };`,
    );
    const pool = bench.open(file);
    await pool.loaded;
    const say = async (text: string) => bodiesOf(await answerOf(pool, materialOf(text)));
    const begun = say("wait");
    writeFileSync(join(bench.folder, "texts.mjs"), `export const text = "two";`);
    await pool.reload();
    expect(await say("hi")).toEqual(["two"]);
    expect(await begun).toEqual(["one"]);
  });

  it("goes on as it was where a file is broken, and says where", async () => {
    const pool = bench.open(bench.write(`turn.reply("fine");`));
    await pool.loaded;
    writeFileSync(join(bench.folder, "bot.mjs"), "export default {\n  name: 7 7,\n};");
    await expect(pool.reload()).rejects.toMatchObject({
      code: "BOT_BROKEN",
      message: expect.stringContaining("bot.mjs:2"),
    });
    expect(bodiesOf(await answerOf(pool, materialOf("hi")))).toEqual(["fine"]);
  });
});

it.each([
  ["is not there", null, "BOT_NOT_FOUND"],
  ["exports nothing", "export const bot = {};", "BOT_MALFORMED"],
  ["throws at once", "throw new Error('no');", "BOT_BROKEN"],
  ["ends at once", "process.exit(0);", "BOT_EXITED"],
])("a bot that %s is refused with what is wrong", async (_what, text, code) => {
  const file = join(bench.folder, "bot.mjs");
  if (text !== null) writeFileSync(file, text);
  await expect(bench.open(file).loaded).rejects.toMatchObject({ code });
});
