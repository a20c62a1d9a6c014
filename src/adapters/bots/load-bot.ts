import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { errorLine, HoldfastError } from "../../errors.ts";
import type { Bot } from "../../ports/conversation/bot.ts";

/**
 * Loads the default export of a file, JavaScript or TypeScript, as a bot, into this process.
 * @throws HoldfastError BOT_NOT_FOUND, BOT_BROKEN, BOT_MALFORMED
 */
export async function loadBot(file: string): Promise<Bot> {
  const path = resolve(file);
  const url = pathToFileURL(path);
  try {
    statSync(path);
  } catch (cause) {
    throw botNotFound(path, cause);
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

export const botNotFound = (path: string, cause?: unknown): HoldfastError =>
  new HoldfastError({
    code: "BOT_NOT_FOUND",
    message: `There is no bot at ${path}.`,
    next: "Name its file in HOLDFAST_BOT, or make one with: npx holdfast init my-bot",
    cause,
  });

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
