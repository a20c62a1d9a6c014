import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { watchFolder } from "../../../src/adapters/bots/watch-folder.ts";

let folder: string;
let changes: number;
let end: () => void;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "holdfast-watch-")));
  for (const name of ["parts", "home", "node_modules"]) await mkdir(join(folder, name));
  changes = 0;
  const onChange = () => void (changes += 1);
  end = watchFolder({ folder, home: join(folder, "home"), onChange });
});
afterEach(async () => {
  end();
  await rm(folder, { recursive: true });
});

it("a change is seen in every file of the bot, in new folders too, however it is written", async () => {
  await writeFile(join(folder, "parts", "texts.ts"), "one");
  await expect.poll(() => changes).toBe(1);
  await mkdir(join(folder, "parts", "deep"));
  await expect.poll(() => changes).toBe(2);
  await writeFile(join(folder, "parts", "deep", "more.ts"), "one");
  await expect.poll(() => changes).toBe(3);
  await writeFile(join(folder, "bot.ts.new"), "two");
  await rename(join(folder, "bot.ts.new"), join(folder, "bot.ts"));
  await expect.poll(() => changes).toBe(4);
});

it("no change is seen in the home, in packages and in hidden files", async () => {
  await writeFile(join(folder, "home", "log"), "one");
  await writeFile(join(folder, "node_modules", "a.js"), "one");
  await writeFile(join(folder, ".bot.ts.swp"), "one");
  await writeFile(join(folder, "bot.ts"), "one");
  await expect.poll(() => changes).toBe(1);
});
