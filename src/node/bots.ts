import { realpathSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import type { AccountKind } from "../../machines/lifecycle.ts";
import { type BotPool, createBotPool } from "../adapters/bots/bot-pool.ts";
import { watchFolder } from "../adapters/bots/watch-folder.ts";
import { createSiteManagerBot } from "../bots/site-manager/site-manager-bot.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { Config } from "../config/config.ts";
import { runHere } from "../conversation/turns/bot-here.ts";
import { errorLine, HoldfastError } from "../errors.ts";
import { hostsBot, noBot } from "../ports/accounts/chosen-bot.ts";
import type { BotRunner } from "../ports/conversation/bot-runner.ts";
import type { InboundItem } from "../ports/conversation/inbound-stream.ts";
import type { BotFaults } from "./bot-faults.ts";

/** The bots of this node, and which of them answers for an account. */
export interface NodeBots {
  /**
   * The bot that answers; null: none does. A promise while its file is read for the first time. It rejects with
   * BOT_UNAVAILABLE, which a later try may mend.
   */
  answering(of: Pick<InboundItem, "channel" | "account">): BotRunner | null | Promise<BotRunner>;
  /** Ends their processes. */
  close(): void;
}

type BotsConfig = Pick<Config, "bot" | "bots" | "home" | "profile" | "telegram">;

export interface NodeBotsOptions {
  readonly config: BotsConfig;
  readonly clock: Pick<Clock, "monotonicMs" | "schedule">;
  /** What was said for an account, and its kind; null: this host knows no such account. */
  find(account: string): { readonly kind: AccountKind; readonly bot: string | null } | null;
  /** For the log. */
  tell(line: string): void;
  /** For who looks on. */
  show(line: string): void;
  readonly faults: BotFaults;
}

/** Throws the errors of a bot that cannot be loaded, for the host's own bot. */
export async function createNodeBots(options: NodeBotsOptions): Promise<NodeBots> {
  const { config, find } = options;
  const ends: (() => void)[] = [];
  const close = (): void => {
    process.off("exit", close);
    for (const end of ends.splice(0)) end();
  };
  // Where the kernel does not end them with this process.
  process.on("exit", close);

  async function open(file: string): Promise<BotRunner> {
    const pool = poolOf(file, options);
    try {
      await pool.loaded;
    } catch (error) {
      pool.close();
      throw error;
    }
    ends.push(pool.close);
    if (config.profile !== "production") ends.push(watchBot(file, pool, options));
    return pool;
  }

  const own = await ownBot(options, open).catch((error: unknown) => {
    close();
    throw error;
  });
  const loaded = new Map<string, BotRunner>();
  const loading = new Map<string, Promise<BotRunner>>();

  function load(file: string): Promise<BotRunner> {
    const known = loading.get(file);
    if (known !== undefined) return known;
    const begun = open(file)
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
    close,
  };
}

function poolOf(
  file: string,
  { config, clock, tell, show, faults }: Omit<NodeBotsOptions, "find">,
): BotPool {
  const { home, bots } = config;
  const pool: BotPool = createBotPool({
    ...bots,
    env: bots.env,
    file,
    home,
    clock,
    onLine: (line) => tell(`bot ${pool.name}: ${line}`),
    onFloating: (error) => faults.report(pool.name, error),
    onFault: show,
  });
  return pool;
}

/** Loads a bot anew when any file of its folder changes. A turn ends with the bot that began it. */
function watchBot(
  file: string,
  pool: BotPool,
  { config, show }: Pick<NodeBotsOptions, "config" | "show">,
): () => void {
  const onChange = (): void => {
    pool.reload().then(
      () => show(`the bot ${pool.name} was loaded anew`),
      (error: unknown) => show(`the bot ${pool.name} goes on as it was: ${errorLine(error)}`),
    );
  };
  return watchFolder({ folder: dirname(realpathSync(file)), home: config.home, onChange });
}

/** A person's account is silent until a bot is chosen for it: its owner's friends write to it. */
const byDefault = (channel: string, kind: AccountKind | null): string =>
  channel === "telegram" && kind === "user" ? noBot : hostsBot;

/** The example greets strangers as a site manager: on Telegram itself that is never meant. */
const hasOwnBot = ({ bot, telegram }: Pick<Config, "bot" | "telegram">): boolean =>
  bot !== null || telegram === null;

/** The author's own bot, or the example; null: none, as the example is not for people. */
async function ownBot(
  { config, tell }: Pick<NodeBotsOptions, "config" | "tell">,
  open: (file: string) => Promise<BotRunner>,
): Promise<BotRunner | null> {
  if (config.bot !== null) return open(config.bot);
  // It is Holdfast's own code.
  if (hasOwnBot(config)) return runHere(createSiteManagerBot());
  tell(
    "no bot answers by default: HOLDFAST_BOT names none, and the example runs on the simulated Telegram alone",
  );
  return null;
}

/**
 * Refuses a bot that this host does not have or cannot load: hosts of one fleet have the same files. It is loaded in a
 * process of its own, which ends again.
 * @throws HoldfastError BOT_NOT_NAMED, BOT_PATH_RELATIVE, and the errors of a bot that cannot be loaded
 */
export async function checkBot(
  chosen: string,
  config: BotsConfig,
  clock: NodeBotsOptions["clock"],
): Promise<void> {
  if (chosen === noBot) return;
  if (chosen === hostsBot) {
    if (hasOwnBot(config)) return;
    throw notNamed();
  }
  if (!isAbsolute(chosen)) throw relativePath(chosen);
  const once = { ...config, bots: { ...config.bots, env: config.bots.env, processes: 1 } };
  const ignore = (): void => undefined;
  const faults = { report: ignore };
  const pool = poolOf(chosen, { config: once, clock, tell: ignore, show: ignore, faults });
  try {
    await pool.loaded;
  } finally {
    pool.close();
  }
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
