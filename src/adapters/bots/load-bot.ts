import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { errorLine, HoldfastError } from "../../errors.ts";
import type { Bot } from "../../ports/conversation/bot.ts";

/**
 * Loads the default export of a file, JavaScript or TypeScript, as a bot. A `version` reloads the
 * file itself, not its imports.
 * @throws HoldfastError BOT_NOT_FOUND, BOT_BROKEN, BOT_MALFORMED
 */
export async function loadBot(file: string, version?: string): Promise<Bot> {
  const path = resolve(file);
  const url = pathToFileURL(path);
  if (version !== undefined) url.searchParams.set("version", version);
  try {
    statSync(path);
  } catch (cause) {
    throw new HoldfastError({
      code: "BOT_NOT_FOUND",
      message: `There is no bot at ${path}.`,
      next: "Name its file in HOLDFAST_BOT, or make one with: npx holdfast init my-bot",
      cause,
    });
  }
  const module = await load(url.href, path);
  const bot = module.default;
  if (isBot(bot)) return bot;
  throw new HoldfastError({
    code: "BOT_MALFORMED",
    message: `${path} does not export a bot by default.`,
    next: 'Write: export default defineBot({ … }), with defineBot from "holdfast/bot".',
  });
}

async function load(href: string, path: string): Promise<{ readonly default?: unknown }> {
  try {
    return (await import(href)) as { readonly default?: unknown };
  } catch (cause) {
    throw new HoldfastError({
      code: "BOT_BROKEN",
      message: `The bot at ${path} cannot be loaded: ${errorLine(cause)}`,
      next: "Correct the file, then start again.",
      cause,
    });
  }
}

const isBot = (value: unknown): value is Bot =>
  typeof value === "object" &&
  value !== null &&
  "name" in value &&
  typeof value.name === "string" &&
  "handle" in value &&
  typeof value.handle === "function";

export interface ReloadingBot {
  /** Always the newest loaded bot, behind one stable object. */
  readonly bot: Bot;
  close(): void;
}

/** Editors write a file in several steps. */
const settleMs = 100;

/**
 * Loads a bot, and reloads it whenever its file changes. A change that fails to load is told, and
 * the old bot stays. A turn ends with the bot that began it.
 * @param version of the first reading, where an earlier one failed
 */
export async function watchBot(
  file: string,
  tell: (line: string) => void,
  version?: string,
): Promise<ReloadingBot> {
  let current = await loadBot(file, version);
  let timer: NodeJS.Timeout | undefined;
  let versions = 0;

  async function reload(): Promise<void> {
    try {
      current = await loadBot(file, String((versions += 1)));
      tell(`the bot ${current.name} was loaded anew`);
    } catch (error) {
      tell(`the bot goes on as it was: ${errorLine(error)}`);
    }
  }

  // Watches the folder, as editors replace a file by a new one.
  const name = resolve(file).slice(dirname(resolve(file)).length + 1);
  const watcher: FSWatcher = watch(dirname(resolve(file)), (_event, changed) => {
    if (changed !== null && changed !== name) return;
    clearTimeout(timer);
    timer = setTimeout(() => void reload(), settleMs);
  });
  return {
    bot: {
      get name() {
        return current.name;
      },
      get alsoAnswers() {
        return current.alsoAnswers ?? [];
      },
      get hearsUndeliverable() {
        return current.hearsUndeliverable === true;
      },
      handle: (turn) => current.handle(turn),
    },
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
