import { describe, expect, it } from "vitest";
import { createSiteManagerBot } from "../../src/bots/site-manager/site-manager-bot.ts";
import type { Bot } from "../../src/ports/conversation/bot.ts";
import { coverageOf } from "../fixtures/models/coverage.ts";
import { siteManagerModel } from "../fixtures/models/events.ts";
import { edgePaths } from "../fixtures/models/paths.ts";
import { pathSites, runSiteManagerPath } from "../fixtures/models/site-manager-runner.ts";

const paths = edgePaths(siteManagerModel);
const bot = createSiteManagerBot(pathSites);

describe("the site-manager bot", () => {
  it.each(["taps", "words"] as const)(
    "answers on every path what the machine asks for, with a user who uses %s",
    async (by) => {
      expect(coverageOf(siteManagerModel, paths).neverTaken).toEqual([]);
      for (const path of paths) await runSiteManagerPath(bot, path, by);
    },
  );
});

async function takeAll(broken: Bot): Promise<void> {
  for (const path of paths) await runSiteManagerPath(broken, path, "taps");
}

describe("the paths notice a bot", () => {
  it("that shows the tasks of another site than the chosen one", async () => {
    const [first, second] = pathSites;
    const swapped = createSiteManagerBot([
      { ...first!, tasks: second!.tasks },
      { ...second!, tasks: first!.tasks },
    ]);
    await expect(takeAll(swapped)).rejects.toThrow("choose-site");
  });

  it("that does not keep its state", async () => {
    const forgetful: Bot = {
      ...bot,
      handle: (turn) => bot.handle(Object.assign(Object.create(turn), { setState: () => {} })),
    };
    await expect(takeAll(forgetful)).rejects.toThrow("step 1");
  });
});
