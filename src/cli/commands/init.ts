import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { packageFile } from "../../files.ts";
import { botDependencies } from "../bot-dependencies.ts";
import { print } from "../print.ts";

const templates = packageFile("docs/bot-template");
/** By the name in the new folder; npm packs no file called .gitignore. */
const files = {
  "bot.ts": "bot.ts",
  "visit-form.ts": "visit-form.ts",
  "bot.test.ts": "bot.test.ts",
  "tsconfig.json": "tsconfig.json",
  "README.md": "README.md",
  ".gitignore": "gitignore",
} as const;
const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function addInitCommand(program: Command): void {
  program
    .command("init <folder>")
    .description("begin a bot of your own in a new folder")
    .addHelpText(
      "after",
      "\nWrites bot.ts, a form as an XState machine, tests of both without a server, and a README; changes nothing that is there.\n\nExample:\n  npx holdfast init my-bot && cd my-bot && npm install && npm start",
    )
    .action(async (folder: string) => {
      const made = await initBot(resolve(folder));
      for (const file of made) print(`made ${relative(process.cwd(), file)}`);
      print(`Next: cd ${folder} && npm install && npm start`);
    });
}

/**
 * Writes a new bot's files; answers their paths.
 * @throws HoldfastError BOT_NAME_UNUSABLE, FOLDER_IN_USE
 */
async function initBot(folder: string): Promise<readonly string[]> {
  const name = folder.slice(dirname(folder).length + 1);
  if (!namePattern.test(name)) {
    throw new HoldfastError({
      code: "BOT_NAME_UNUSABLE",
      message: `"${name}" cannot be a bot's name: use a-z, 0-9 and hyphens.`,
      next: "Try: npx holdfast init my-bot",
    });
  }
  if (existsSync(join(folder, "package.json")) || existsSync(join(folder, "bot.ts"))) {
    throw new HoldfastError({
      code: "FOLDER_IN_USE",
      message: `${folder} holds a bot or a package already; nothing was changed.`,
      next: "Name a new folder: npx holdfast init my-other-bot",
    });
  }
  await mkdir(folder, { recursive: true });
  const made = join(folder, "package.json");
  await writeFile(made, packageOf(name, await botDependencies(folder)));
  const copied = await Promise.all(
    Object.entries(files).map(async ([file, template]) => {
      const text = await readFile(join(templates, template), "utf8");
      await writeFile(join(folder, file), text.replaceAll("my-bot", name));
      return join(folder, file);
    }),
  );
  return [made, ...copied];
}

const packageOf = (name: string, dependencies: Readonly<Record<string, string>>): string =>
  `${JSON.stringify(
    {
      name,
      private: true,
      type: "module",
      scripts: {
        start: "HOLDFAST_BOT=bot.ts holdfast start",
        test: "node --test bot.test.ts",
        check: "tsc --noEmit",
      },
      dependencies,
      devDependencies: { "@types/node": "^24", typescript: "^7" },
    },
    null,
    2,
  )}\n`;
