import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { AccountKind } from "../../machines/lifecycle.ts";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import { checkBot, createNodeBots, type NodeBots } from "../../src/node/bots.ts";

/** On a busy machine a process takes seconds to start. */
vi.setConfig({ testTimeout: 120_000 });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-bots-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function botFile(name: string): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, `export default { name: ${JSON.stringify(name)}, handle() {} };`);
  return file;
}

const clock = createSystemClock();
const limits = { processes: 1, hangMs: 5_000, memoryMb: 64, env: {}, folders: [] };
const plain = { bots: limits, home: "/nowhere", profile: "production" } as const;

const opened: NodeBots[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

interface Said {
  readonly kind: AccountKind;
  readonly bot: string | null;
}

async function bots(
  accounts: Readonly<Record<string, Said>>,
  config: { bot?: string; real?: boolean } = {},
) {
  const told: string[] = [];
  const made = await createNodeBots({
    config: {
      ...plain,
      bot: config.bot ?? null,
      telegram: config.real === true ? { apiId: 1, apiHash: "0" } : null,
    },
    clock,
    find: (name) => accounts[name] ?? null,
    tell: (line) => void told.push(line),
    show: (line) => void told.push(line),
    faults: { report: () => undefined },
  });
  opened.push(made);
  const name = async (account: string, channel: "telegram" | "webhook" = "telegram") =>
    (await made.answering({ channel, account }))?.name ?? null;
  return { name, told };
}

const shop = { kind: "bot", bot: null } as const;
const desk = { kind: "user", bot: null } as const;

describe("the bot that answers for an account", () => {
  it("is the host's own for a bot's account, and none for a person's where nothing was said", async () => {
    const { name } = await bots({ shop, desk }, { bot: botFile("own") });
    expect([await name("shop"), await name("desk")]).toEqual(["own", null]);
    expect(await name("whatsapp", "webhook")).toBe("own");
  });

  it("is the one that was said for the account", async () => {
    const accounts = {
      quiet: { ...shop, bot: "none" },
      loud: { ...desk, bot: "host" },
      other: { ...desk, bot: botFile("other") },
    };
    const { name } = await bots(accounts, { bot: botFile("own") });
    expect([await name("quiet"), await name("loud"), await name("other")]).toEqual([
      null,
      "own",
      "other",
    ]);
  });

  it("is the example on the simulated Telegram alone, and the host says so", async () => {
    const simulated = await bots({ shop });
    expect([await simulated.name("shop"), simulated.told]).toEqual(["site-manager", []]);
    const real = await bots({ shop, loud: { ...desk, bot: "host" } }, { real: true });
    expect([await real.name("shop"), await real.name("loud")]).toEqual([null, null]);
    expect(real.told).toEqual([expect.stringContaining("no bot answers by default")]);
  });

  it("is waited for where its file is not there yet", async () => {
    const file = join(folder, "later.mjs");
    const { name } = await bots({ late: { ...desk, bot: file } });
    await expect(name("late")).rejects.toMatchObject({
      code: "BOT_UNAVAILABLE",
      policy: "retryable",
    });
    botFile("later");
    expect(await name("late")).toBe("later");
  });
});

it("in development a bot is loaded anew when any of its files changes, and goes on as it was when that fails", async () => {
  const own = join(folder, "watched");
  mkdirSync(own);
  const name = join(own, "name.mjs");
  writeFileSync(name, `export const name = "one";`);
  writeFileSync(
    join(own, "bot.mjs"),
    `import { name } from "./name.mjs"; export default { name, handle() {} };`,
  );
  const shown: string[] = [];
  const made = await createNodeBots({
    config: { ...plain, profile: "development", bot: join(own, "bot.mjs"), telegram: null },
    clock,
    find: () => shop,
    tell: () => undefined,
    show: (line) => void shown.push(line),
    faults: { report: () => undefined },
  });
  opened.push(made);
  const nameNow = async () =>
    (await made.answering({ channel: "telegram", account: "shop" }))?.name;
  expect(await nameNow()).toBe("one");
  writeFileSync(name, `export const name = "two";`);
  await expect.poll(nameNow, { timeout: 60_000 }).toBe("two");
  writeFileSync(name, "export const name = ;");
  await expect
    .poll(() => shown.at(-1), { timeout: 60_000 })
    .toMatch(/the bot two goes on as it was: .*\(name\.mjs:1/);
  expect(await nameNow()).toBe("two");
});

describe("a choice of a bot", () => {
  const simulated = { ...plain, bot: null, telegram: null };

  it("is refused where it is the host's own and the host has only the example, on Telegram itself", async () => {
    const real = { ...plain, bot: null, telegram: { apiId: 1, apiHash: "0" } };
    await expect(checkBot("host", real, clock)).rejects.toMatchObject({ code: "BOT_NOT_NAMED" });
    await checkBot("host", { ...real, bot: botFile("own") }, clock);
    await checkBot("none", real, clock);
    await checkBot("host", simulated, clock);
  });

  it("is refused where this host cannot load it, and where its path is relative", async () => {
    await expect(checkBot(join(folder, "none.mjs"), simulated, clock)).rejects.toMatchObject({
      code: "BOT_NOT_FOUND",
    });
    await expect(checkBot("bot.mjs", simulated, clock)).rejects.toMatchObject({
      code: "BOT_PATH_RELATIVE",
    });
    await checkBot(botFile("fine"), simulated, clock);
  });
});
