import { isAbsolute } from "node:path";
import { loadBot, watchBot } from "../adapters/bots/load-bot.ts";
import { createSiteManagerBot } from "../bots/site-manager/site-manager-bot.ts";
import type { AccountKind } from "../../machines/lifecycle.ts";
import type { Config } from "../config/config.ts";
import { errorLine, HoldfastError } from "../errors.ts";
import { hostsBot, noBot } from "../ports/accounts/chosen-bot.ts";
import type { Bot } from "../ports/conversation/bot.ts";
import type { InboundItem } from "../ports/conversation/inbound-stream.ts";

/** The bots of this node, and which of them answers for an account. */
export interface NodeBots {
  /**
   * The bot that answers; null: none does. A promise while its file is read for the first time. It rejects with
   * BOT_UNAVAILABLE, which a later try may mend.
   */
  answering(of: Pick<InboundItem, "channel" | "account">): Bot | null | Promise<Bot>;
}

export interface NodeBotsOptions {
  readonly config: Pick<Config, "bot" | "profile" | "telegram">;
  /** What was said for an account, and its kind; null: this host knows no such account. */
  find(account: string): { readonly kind: AccountKind; readonly bot: string | null } | null;
  tell(line: string): void;
}

/** Throws the errors of `loadBot` for the host's own bot. */
export async function createNodeBots(options: NodeBotsOptions): Promise<NodeBots> {
  const { config, find, tell } = options;
  const own = await ownBot(config, tell);
  const loaded = new Map<string, Bot>();
  const loading = new Map<string, Promise<Bot>>();
  let tries = 0;

  function load(file: string): Promise<Bot> {
    const known = loading.get(file);
    if (known !== undefined) return known;
    tries += 1;
    const begun = openBot(file, config, tell, `try-${tries}`)
      .then((bot) => {
        loaded.set(file, bot);
        return bot;
      })
      .catch((error: unknown) => Promise.reject(unavailable(file, error)))
      .finally(() => loading.delete(file));
    loading.set(file, begun);
    return begun;
  }

  return {
    answering({ channel, account }) {
      const known = find(account);
      const chosen = known?.bot ?? byDefault(channel, known?.kind ?? null);
      if (chosen === noBot) return null;
      if (chosen === hostsBot) return own;
      return loaded.get(chosen) ?? load(chosen);
    },
  };
}

/** A person's account is silent until a bot is chosen for it: its owner's friends write to it. */
const byDefault = (channel: string, kind: AccountKind | null): string =>
  channel === "telegram" && kind === "user" ? noBot : hostsBot;

/** The example greets strangers as a site manager: on Telegram itself that is never meant. */
const hasOwnBot = ({ bot, telegram }: Pick<Config, "bot" | "telegram">): boolean =>
  bot !== null || telegram === null;

/** The author's own bot, or the example; null: none, as the example is not for people. */
async function ownBot(
  config: NodeBotsOptions["config"],
  tell: (line: string) => void,
): Promise<Bot | null> {
  if (config.bot !== null) return openBot(config.bot, config, tell);
  if (hasOwnBot(config)) return createSiteManagerBot();
  tell(
    "no bot answers by default: HOLDFAST_BOT names none, and the example runs on the simulated Telegram alone",
  );
  return null;
}

/** @param version makes a file that could not be loaded be read again */
async function openBot(
  file: string,
  { profile }: Pick<Config, "profile">,
  tell: (line: string) => void,
  version?: string,
): Promise<Bot> {
  if (profile === "production") return loadBot(file, version);
  return (await watchBot(file, tell, version)).bot;
}

/**
 * Refuses a bot that this host does not have or cannot load: hosts of one fleet have the same files.
 * @throws HoldfastError BOT_NOT_NAMED, BOT_PATH_RELATIVE, and the errors of `loadBot`
 */
export async function checkBot(
  chosen: string,
  config: Pick<Config, "bot" | "telegram">,
): Promise<void> {
  if (chosen === noBot) return;
  if (chosen === hostsBot) {
    if (hasOwnBot(config)) return;
    throw notNamed();
  }
  if (!isAbsolute(chosen)) throw relativePath(chosen);
  await loadBot(chosen, `check-${process.hrtime.bigint()}`);
}

const relativePath = (file: string): HoldfastError =>
  new HoldfastError({
    code: "BOT_PATH_RELATIVE",
    message: `${file} is no absolute path, and each host would look for it elsewhere; nothing was changed.`,
    next: "Give the path from the root, the same on every host, or one of: host, none.",
  });

const notNamed = (): HoldfastError =>
  new HoldfastError({
    code: "BOT_NOT_NAMED",
    message:
      "This host has no bot of its own: HOLDFAST_BOT names none, and the example runs on the simulated Telegram alone; nothing was changed.",
    next: "Set HOLDFAST_BOT on every host and start it again, or give a file: npx holdfast bot <account> <file>",
  });

const unavailable = (file: string, cause: unknown): HoldfastError =>
  new HoldfastError({
    code: "BOT_UNAVAILABLE",
    message: `This host has no usable bot at ${file}: ${errorLine(cause)}`,
    next: "Its messages wait. Put the file there, or choose another with: npx holdfast bot",
    policy: "retryable",
    cause,
  });
